"""What was known at an instant is one snapshot, whatever the catalogue's clock did."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.errors import OutsideError
from sinks.lake.snapshots import Snapshot, known_at, spelled

HOUR_MS = 3_600_000


def made(*times: int, first: int = 0) -> list[Snapshot]:
    return [Snapshot(first + index, at_ms) for index, at_ms in enumerate(times)]


@pytest.mark.parametrize(
    ("at_ms", "number"),
    [(10, 0), (19, 0), (20, 2), (25, 2), (30, 3), (99, 3)],
)
def test_the_newest_snapshot_not_after_the_instant_is_found(at_ms: int, number: int) -> None:
    assert known_at(made(10, 20, 20, 30), at_ms).number == number


def test_a_clock_set_back_shows_nothing_that_came_later() -> None:
    #                 0   1   2   3   4 | the clock falls back here
    snapshots = made(100, 110, 120, 130, 140, 105, 115)
    assert known_at(snapshots, 107).number == 0, "5 has an earlier time and came after 130"
    assert known_at(snapshots, 125).number == 2
    assert known_at(snapshots, 140).number == 6, "the last ones are there by any clock"


def test_a_clock_that_was_ahead_for_a_moment_hides_nothing_for_years() -> None:
    snapshots = made(100, 110, 9_000, 9_001, 120, 130, 140)
    assert known_at(snapshots, 115).number == 1
    assert known_at(snapshots, 120).number == 4
    assert known_at(snapshots, 200).number == 6


def test_before_the_first_snapshot_the_oldest_is_named() -> None:
    with pytest.raises(OutsideError, match="oldest snapshot is 0 of 1970-01-01 01:00:00 UTC, the lake is not older"):
        known_at(made(HOUR_MS), 5)
    with pytest.raises(
        OutsideError, match="oldest snapshot is 7 of 1970-01-01 01:00:00 UTC, those before have expired"
    ):
        known_at(made(HOUR_MS, first=7), 5)


def test_an_expired_snapshot_is_not_replaced_by_an_older_one() -> None:
    kept = [*made(10, 20), *made(50, 60, first=5)]
    assert known_at(kept, 15).number == 0
    assert known_at(kept, 50).number == 5
    with pytest.raises(OutsideError, match=r"has expired: the nearest snapshots are 1 of .* and 5 of"):
        known_at(kept, 30)


def test_no_snapshot_is_an_error() -> None:
    with pytest.raises(OutsideError, match="no snapshot yet"):
        known_at([], 0)


@given(st.lists(st.integers(0, 40), min_size=1, max_size=30).map(sorted), st.integers(0, 50))
def test_in_order_it_is_the_last_one_not_after(times: list[int], at_ms: int) -> None:
    expected = [index for index, time_ms in enumerate(times) if time_ms <= at_ms]
    if expected:
        assert known_at(made(*times), at_ms).number == expected[-1]
    else:
        with pytest.raises(OutsideError):
            known_at(made(*times), at_ms)


@given(st.lists(st.integers(0, 40), min_size=1, max_size=30), st.integers(0, 50), st.integers(0, 50))
def test_a_later_instant_never_knows_less(times: list[int], one: int, other: int) -> None:
    def number(at_ms: int) -> int:
        try:
            return known_at(made(*times), at_ms).number
        except OutsideError:
            return -1

    early, late = sorted((one, other))
    assert number(early) <= number(late)
    assert number(50) == len(times) - 1


@given(st.lists(st.integers(0, 40), min_size=5, max_size=30).map(sorted), st.data())
def test_one_wrong_time_moves_its_own_snapshot_only(times: list[int], data: st.DataObject) -> None:
    # Two on either side: of two times that contradict each other either may be the wrong one.
    wrong = data.draw(st.integers(2, len(times) - 3))
    at_ms = data.draw(st.integers(times[0], 50))
    jumped = [*times[:wrong], data.draw(st.sampled_from([-5, 1_000])), *times[wrong + 1 :]]
    true, found = known_at(made(*times), at_ms).number, known_at(made(*jumped), at_ms).number
    assert found == true or (true == wrong and found == wrong - 1)


def test_an_instant_is_spelled_with_milliseconds_where_it_has_some() -> None:
    assert (spelled(0), spelled(1_500)) == ("1970-01-01 00:00:00 UTC", "1970-01-01 00:00:01.500 UTC")
