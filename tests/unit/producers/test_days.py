"""People live by their own clock."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, date, datetime, timedelta
from itertools import takewhile
from random import Random
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from producers.days import session_starts

MORNING = [0] * 7 + [1] + [0] * 16
ALL_DAY = [1] * 24

SUMMER_TIME_BEGINS = [
    ("Europe/Stockholm", date(2027, 3, 28), 2),
    ("America/New_York", date(2027, 3, 14), 2),
    ("Europe/London", date(2027, 3, 28), 1),
]
SUMMER_TIME_ENDS = [
    ("Europe/Stockholm", date(2026, 10, 25), 2),
    ("America/New_York", date(2026, 11, 1), 1),
    ("Europe/Helsinki", date(2026, 10, 25), 3),
]


def utc_ms(day: date) -> int:
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()) * 1000


def starts_around(day: date, zone: str, hour_weights: list[int], seed: int, per_day: float = 4.0) -> list[int]:
    """Starts of the days before, on and after `day`."""
    endless = session_starts(
        utc_ms(day - timedelta(days=1)), zone, per_day=per_day, hour_weights=hour_weights, rng=Random(seed)
    )
    return list(takewhile(lambda start: start < utc_ms(day + timedelta(days=2)), endless))


def hour_alone(hour: int) -> list[int]:
    return [int(other == hour) for other in range(24)]


@pytest.mark.parametrize("zone", ["Europe/Stockholm", "America/New_York", "Asia/Tokyo"])
def test_sessions_start_at_local_hours_also_when_summer_time_begins(zone: str) -> None:
    start_ms = int(datetime(2026, 3, 1, tzinfo=UTC).timestamp()) * 1000
    end_ms = int(datetime(2026, 4, 30, tzinfo=UTC).timestamp()) * 1000
    endless = session_starts(start_ms, zone, per_day=1.5, hour_weights=MORNING, rng=Random(1))
    starts = list(takewhile(lambda start: start < end_ms, endless))
    local = [datetime.fromtimestamp(start / 1000, ZoneInfo(zone)) for start in starts]
    assert {moment.hour for moment in local} == {7}
    assert starts == sorted(starts)
    assert start_ms <= starts[0] <= starts[-1] < end_ms
    assert 75 < len(starts) < 105


@pytest.mark.parametrize(("zone", "day", "hour"), SUMMER_TIME_ENDS)
def test_of_an_hour_that_comes_twice_both_are_lived(zone: str, day: date, hour: int) -> None:
    """Europe/Stockholm, 25 October 2026:

    UTC     23        00        01        02
    clock    | 01 CEST | 02 CEST | 02 CET  | 03 CET
    """
    folds: Counter[int] = Counter()
    for seed in range(50):
        for start_ms in starts_around(day, zone, hour_alone(hour), seed):
            local = datetime.fromtimestamp(start_ms / 1000, ZoneInfo(zone))
            assert local.hour == hour
            if local.date() == day:
                folds[local.fold] += 1
    assert sum(folds.values()) == 200
    assert 70 < folds[0] < 130


@pytest.mark.parametrize(("zone", "day", "hour"), SUMMER_TIME_BEGINS)
def test_in_an_hour_that_is_left_out_nobody_starts(zone: str, day: date, hour: int) -> None:
    """Europe/Stockholm, 28 March 2027:

    UTC     00       01        02
    clock    | 01 CET | 03 CEST | 04 CEST
    """
    hours: Counter[int] = Counter()
    for seed in range(10):
        for start_ms in starts_around(day, zone, hour_alone(hour), seed):
            local = datetime.fromtimestamp(start_ms / 1000, ZoneInfo(zone))
            if local.date() == day:
                hours[local.hour] += 1
    assert hours == {hour + 1: 40}


@pytest.mark.parametrize(("zone", "day", "hour"), [*SUMMER_TIME_BEGINS, *SUMMER_TIME_ENDS])
@given(seed=st.integers(0, 2**32))
def test_starts_ascend_across_a_change_of_the_clock(zone: str, day: date, hour: int, seed: int) -> None:
    around = [int(abs(other - hour) <= 1) for other in range(24)]
    starts = starts_around(day, zone, around, seed)
    assert starts == sorted(starts)
    assert len(starts) >= 8


@given(seed=st.integers(0, 2**32))
def test_a_day_has_as_many_starts_whatever_its_length(seed: int) -> None:
    day = date(2026, 10, 25)
    local = Counter(
        datetime.fromtimestamp(start_ms / 1000, ZoneInfo("Europe/Stockholm")).date()
        for start_ms in starts_around(day, "Europe/Stockholm", ALL_DAY, seed, per_day=3.0)
    )
    assert local[day] == 3
