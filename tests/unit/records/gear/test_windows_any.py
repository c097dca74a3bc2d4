"""Windows and midnight of whatever system at whatever instant: what is told is what happens then."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sinks.records.gear.calendar import midnight_after, midnight_before, window_open
from sinks.records.gear.flow import Gear
from sinks.records.gear.systems import System
from tests.unit.records.gear.zones import HOUR, NEW_YORK, STOCKHOLM, opens, system

zones = st.sampled_from([STOCKHOLM, NEW_YORK, "Asia/Kolkata", "Australia/Lord_Howe", "America/Havana", "UTC"])
# Half of the instants lie around a change of clocks of one of the zones.
changes_of_clocks = st.sampled_from(
    [
        datetime(2026, 3, 8, 7, tzinfo=UTC),
        datetime(2026, 3, 29, 1, tzinfo=UTC),
        datetime(2026, 10, 3, 15, 30, tzinfo=UTC),
        datetime(2026, 10, 25, 1, tzinfo=UTC),
        datetime(2026, 11, 1, 6, tzinfo=UTC),
    ]
)
instants = st.one_of(
    st.builds(lambda at, minutes: at + timedelta(minutes=minutes), changes_of_clocks, st.integers(-3000, 3000)),
    st.builds(lambda minutes: datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=minutes), st.integers(0, 525_600)),
)
clock_times = st.times().map(lambda at: at.replace(second=0, microsecond=0))
weekdays = st.sampled_from(["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"])
gears: st.SearchStrategy[Gear] = st.sampled_from(["live", "hourly", "nightly", "change_window"])


@st.composite
def declared_systems(draw: st.DrawFn) -> System:
    begin, end = draw(clock_times), draw(clock_times)
    window = f"{begin:%H:%M}-{end:%H:%M}"
    return system(draw(zones), nightly=window, change_window=f"{draw(weekdays)} {window}")


@given(declared_systems(), gears, instants, st.integers(0, 3000))
def test_what_waits_goes_at_the_instant_that_it_was_told_and_at_none_before(
    of: System, gear: Gear, planned: datetime, late_min: int
) -> None:
    now = planned + timedelta(minutes=late_min)
    not_before = window_open(of, gear, planned, now)
    if not_before is None:
        return
    assert not_before > now
    assert window_open(of, gear, planned, not_before) is None
    steps = [now + (not_before - now) * part / 7 for part in range(7)]
    assert {window_open(of, gear, planned, at) for at in [*steps, not_before - timedelta(microseconds=1)]} == {
        not_before
    }


@given(declared_systems(), instants)
def test_where_no_clock_changes_a_window_is_open_when_the_clock_on_the_wall_says_so(of: System, at: datetime) -> None:
    zone = ZoneInfo(of.time_zone)
    offsets = {(at + number * HOUR).astimezone(zone).utcoffset() for number in range(-30, 31)}
    if len(offsets) > 1:
        return
    begin, end = (time.fromisoformat(text) for text in of.nightly.split("-"))
    wall = at.astimezone(zone).time()
    is_open = begin <= wall < end if begin < end else wall >= begin or wall < end
    assert (opens(at, of=of) is None) == is_open


# Midnight


@pytest.mark.parametrize(
    ("zone", "at", "before", "after"),
    [
        (STOCKHOLM, "2026-05-06T12:00", "2026-05-05T22:00", "2026-05-06T22:00"),
        (STOCKHOLM, "2026-05-05T22:00", "2026-05-05T22:00", "2026-05-06T22:00"),
        (STOCKHOLM, "2026-05-05T21:59", "2026-05-04T22:00", "2026-05-05T22:00"),
        (STOCKHOLM, "2026-03-29T12:00", "2026-03-28T23:00", "2026-03-29T22:00"),  # a day of 23 hours
        (NEW_YORK, "2026-11-01T12:00", "2026-11-01T04:00", "2026-11-02T05:00"),  # a day of 25
        ("America/Havana", "2026-03-08T12:00", "2026-03-08T05:00", "2026-03-09T04:00"),  # its midnight is skipped
    ],
)
def test_a_day_is_the_local_one(zone: str, at: str, before: str, after: str) -> None:
    instant, begin, end = (datetime.fromisoformat(f"{text}+00:00") for text in (at, before, after))
    assert (midnight_before(system(zone), instant), midnight_after(system(zone), instant)) == (begin, end)


@given(zones, instants)
def test_days_follow_each_other_without_a_gap(zone: str, at: datetime) -> None:
    of = system(zone)
    begin, end = midnight_before(of, at), midnight_after(of, at)
    assert begin <= at < end
    assert midnight_before(of, end) == end
    assert 22 * HOUR < end - begin < 26 * HOUR
