"""Snapshots go by the time at which the next one took their place; a clock that was wrong costs none that is young."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from sinks.lake.expiry import expired

NOW_MS = 1_000


def test_a_snapshot_goes_once_what_replaced_it_is_too_old_and_the_newest_never() -> None:
    #  1    2    3    4        now
    #  10   20   30   40       1000
    snapshots = [(4, 40), (1, 10), (3, 30), (2, 20)]
    assert expired(snapshots, before_ms=31, now_ms=NOW_MS) == [1, 2]
    assert expired(snapshots, before_ms=30, now_ms=NOW_MS) == [1]
    assert expired(snapshots, before_ms=NOW_MS, now_ms=NOW_MS) == [1, 2, 3]
    assert expired([], before_ms=NOW_MS, now_ms=NOW_MS) == []
    assert expired([(7, 0)], before_ms=NOW_MS, now_ms=NOW_MS) == []


def test_a_time_ahead_of_now_or_behind_one_before_is_not_believed() -> None:
    assert expired([(1, 10), (2, 5_000), (3, 900)], before_ms=500, now_ms=NOW_MS) == []
    assert expired([(1, 700), (2, 10), (3, 900)], before_ms=800, now_ms=NOW_MS) == []
    assert expired([(1, 10), (2, 20), (3, 5_000)], before_ms=500, now_ms=NOW_MS) == [1]


@given(
    true_ms=st.lists(st.integers(0, NOW_MS), min_size=1, max_size=12).map(sorted),
    wrong=st.dictionaries(st.integers(0, 11), st.integers(NOW_MS + 1, 9 * NOW_MS), max_size=6),
    before_ms=st.integers(0, NOW_MS),
)
def test_a_clock_that_stood_in_the_future_expires_nothing_that_would_not_go_by_a_right_one(
    true_ms: list[int], wrong: dict[int, int], before_ms: int
) -> None:
    right = list(enumerate(true_ms))
    told = [(number, wrong.get(number, time_ms)) for number, time_ms in right]
    assert set(expired(told, before_ms, NOW_MS)) <= set(expired(right, before_ms, NOW_MS))


@given(
    true_ms=st.lists(st.integers(100, NOW_MS), min_size=1, max_size=12).map(sorted),
    wrong=st.sets(st.integers(1, 11), max_size=6),
    before_ms=st.integers(0, NOW_MS),
)
def test_a_clock_that_fell_behind_expires_nothing_that_would_not_go_by_a_right_one(
    true_ms: list[int], wrong: set[int], before_ms: int
) -> None:
    right = list(enumerate(true_ms))
    told = [(number, time_ms % 100 if number in wrong else time_ms) for number, time_ms in right]
    assert set(expired(told, before_ms, NOW_MS)) <= set(expired(right, before_ms, NOW_MS))
