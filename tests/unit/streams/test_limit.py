"""The share of refused uploads over a window."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from streams.limit import WINDOW_UPLOADS, RefusedShare

HALF = WINDOW_UPLOADS // 2


def test_a_share_above_the_limit_over_a_full_window_is_said_with_its_reason() -> None:
    share = RefusedShare(0.5)
    assert share.excess(HALF, {"not_json": HALF}) is None, "half a window says nothing"
    said = share.excess(HALF, {"not_json": 1, "wrong_key": 2})
    assert said is not None
    assert "50% of the last 10,000" in said
    assert "(5,001): not_json" in said


def test_the_share_itself_is_allowed_and_1_allows_everything() -> None:
    share = RefusedShare(0.5)
    assert share.excess(HALF, {"not_json": HALF}) is None
    assert share.excess(HALF, {}) is None
    assert RefusedShare(1.0).excess(2 * WINDOW_UPLOADS, {"not_json": 2 * WINDOW_UPLOADS}) is None


def test_what_has_left_the_window_counts_no_more() -> None:
    share = RefusedShare(0.1)
    assert share.excess(100, {"not_json": 100}) is None
    for _ in range(3):
        assert share.excess(HALF, {}) is None
    assert share.share() == 0


@given(st.lists(st.tuples(st.integers(0, 4_000), st.floats(0, 1)), min_size=1))
def test_the_share_is_that_of_the_newest_batches_that_fill_the_window(batches: list[tuple[int, float]]) -> None:
    share, taken = RefusedShare(0.3), []
    for uploads, part in batches:
        refused = int(uploads * part)
        taken.append((uploads, refused))
        said = share.excess(uploads, {"x": refused})
        window: list[tuple[int, int]] = []
        for batch in reversed(taken):
            window.append(batch)
            if sum(size for size, _ in window) >= WINDOW_UPLOADS:
                break
        total, bad = sum(size for size, _ in window), sum(number for _, number in window)
        assert (said is not None) == (total >= WINDOW_UPLOADS and bad / total > 0.3)
