"""Freezes, windows and midnight: through summer time and back, in zones of both sides of the sea."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.errors import UsageError
from sinks.records.gear.calendar import (
    Freeze,
    frozen_until,
    midnight_after,
    midnight_before,
    next_freeze,
    window_open,
)
from sinks.records.gear.flow import Gear
from sinks.records.gear.systems import System
from tests.unit.records.gear.sales import ERP, NOON

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
STOCKHOLM, NEW_YORK = "Europe/Stockholm", "America/New_York"


def system(zone: str, **windows: str) -> System:
    return ERP.model_copy(update={"time_zone": zone, **windows})


def local(text: str, zone: str = STOCKHOLM, fold: int = 0) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone), fold=fold).astimezone(UTC)


def opens(at: datetime, gear: Gear = "nightly", of: System = ERP) -> datetime | None:
    return window_open(of, gear, at, at)


# Windows


def test_live_goes_at_once() -> None:
    assert window_open(ERP, "live", NOON, NOON) is None


@pytest.mark.parametrize(
    ("planned", "now", "not_before"),
    [
        ("12:00:00", "12:00:00", "13:00"),  # the full hour it was planned at has begun already
        ("12:00:01", "12:59:59", "13:00"),
        ("12:59:59", "13:00:00", None),
        ("12:00:00", "17:30:00", None),
    ],
)
def test_hourly_goes_from_the_next_full_hour_after_it_was_planned(
    planned: str, now: str, not_before: str | None
) -> None:
    planned_at, at = (datetime.fromisoformat(f"2026-05-06T{text}+00:00") for text in (planned, now))
    expected = None if not_before is None else datetime.fromisoformat(f"2026-05-06T{not_before}+00:00")
    assert window_open(ERP, "hourly", planned_at, at) == expected


def test_full_hours_are_those_of_utc_wherever_the_system_is() -> None:
    """In Kolkata the clocks show the half hour then."""
    assert window_open(system("Asia/Kolkata"), "hourly", NOON, NOON) == NOON + HOUR


@pytest.mark.parametrize(
    ("now", "not_before"),
    [
        ("2026-05-06T00:59:59", "2026-05-06T01:00"),
        ("2026-05-06T01:00", None),
        ("2026-05-06T04:59:59.999999", None),
        ("2026-05-06T05:00", "2026-05-07T01:00"),  # the end is no part of it
        ("2026-05-06T14:00", "2026-05-07T01:00"),
    ],
)
def test_nightly_goes_within_the_window_of_local_time(now: str, not_before: str | None) -> None:
    assert opens(local(now)) == (None if not_before is None else local(not_before))


@pytest.mark.parametrize(
    ("now", "not_before"),
    [
        ("2026-05-09T23:00", "2026-05-10T02:00"),
        ("2026-05-10T02:00", None),
        ("2026-05-10T05:59", None),
        ("2026-05-10T06:00", "2026-05-17T02:00"),
        ("2026-05-11T03:00", "2026-05-17T02:00"),
    ],
)
def test_the_change_window_opens_once_a_week(now: str, not_before: str | None) -> None:
    assert opens(local(now), "change_window") == (None if not_before is None else local(not_before))


@pytest.mark.parametrize(
    ("now", "not_before"),
    [
        ("2026-05-06T21:59", "2026-05-06T22:00"),
        ("2026-05-06T23:30", None),
        ("2026-05-07T01:59", None),
        ("2026-05-07T02:00", "2026-05-07T22:00"),
    ],
)
def test_a_window_may_pass_midnight(now: str, not_before: str | None) -> None:
    passing = system(STOCKHOLM, nightly="22:00-02:00")
    assert opens(local(now), of=passing) == (None if not_before is None else local(not_before))


def test_a_weekly_window_may_pass_midnight_into_the_next_week() -> None:
    passing = system(STOCKHOLM, change_window="Sun 22:00-02:00")
    assert opens(local("2026-05-11T01:59"), "change_window", passing) is None  # Monday
    assert opens(local("2026-05-11T02:00"), "change_window", passing) == local("2026-05-17T22:00")


def test_a_window_that_ends_when_it_begins_is_always_open() -> None:
    always = system(STOCKHOLM, nightly="03:00-03:00")
    assert {opens(local("2026-03-28T00:30") + number * HOUR, of=always) for number in range(72)} == {None}


def test_what_was_planned_before_the_window_and_not_applied_in_it_waits_for_the_next() -> None:
    planned = local("2026-05-05T23:00")
    assert window_open(ERP, "nightly", planned, local("2026-05-06T09:00")) == local("2026-05-07T01:00")


# Stockholm's clocks go from 02:00 to 03:00 on 2026-03-29, and from 03:00 to 02:00 on 2026-10-25, both at 01:00 UTC;
# New York's from 02:00 to 03:00 on 2026-03-08, at 07:00 UTC, and from 02:00 to 01:00 on 2026-11-01, at 06:00 UTC.
@pytest.mark.parametrize(
    ("zone", "window", "day", "begin", "end"),
    [
        (STOCKHOLM, "01:00-05:00", "2026-03-29", "00:00", "03:00"),  # an hour shorter
        (STOCKHOLM, "02:00-06:00", "2026-03-29", "01:00", "04:00"),  # begins with the skip
        (STOCKHOLM, "02:30-06:00", "2026-03-29", "01:00", "04:00"),  # begins in the skip
        (STOCKHOLM, "00:30-02:30", "2026-03-29", "23:30", "01:00"),  # ends in the skip
        (STOCKHOLM, "01:00-05:00", "2026-10-25", "23:00", "04:00"),  # an hour longer
        (STOCKHOLM, "02:30-05:00", "2026-10-25", "00:30", "04:00"),  # begins at the first 02:30
        (STOCKHOLM, "01:00-02:30", "2026-10-25", "23:00", "00:30"),  # ends at the first 02:30
        (NEW_YORK, "02:30-05:00", "2026-03-08", "07:00", "09:00"),
        (NEW_YORK, "01:00-05:00", "2026-03-08", "06:00", "09:00"),
        (NEW_YORK, "01:30-05:00", "2026-11-01", "05:30", "10:00"),
        (NEW_YORK, "00:00-01:30", "2026-11-01", "04:00", "05:30"),
    ],
)
def test_a_window_through_the_change_of_clocks_is_one_interval(
    zone: str, window: str, day: str, begin: str, end: str
) -> None:
    of = system(zone, nightly=window)
    ends_at = datetime.fromisoformat(f"{day}T{end}+00:00")
    begins_at = datetime.fromisoformat(f"{day}T{begin}+00:00")
    begins_at -= DAY if begins_at > ends_at else timedelta(0)
    moment = timedelta(microseconds=1)
    assert opens(begins_at - moment, of=of) == begins_at
    inside = [
        begins_at + number * timedelta(minutes=10) for number in range((ends_at - begins_at) // timedelta(minutes=10))
    ]
    assert {opens(at, of=of) for at in [*inside, ends_at - moment]} == {None}
    after = opens(ends_at, of=of)
    assert after is not None
    assert after > ends_at + 12 * HOUR


def test_a_window_within_the_hour_that_is_skipped_does_not_open_that_day() -> None:
    skipped = system(STOCKHOLM, nightly="02:15-02:45", change_window="Sun 02:15-02:45")
    assert opens(local("2026-03-28T12:00"), of=skipped) == local("2026-03-30T02:15")
    assert opens(local("2026-03-28T12:00"), "change_window", skipped) == local("2026-04-05T02:15")


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"nightly": "25:00-05:00"}, "nightly window of record system 'erp' is '25:00-05:00'"),
        ({"nightly": "01:00-24:00"}, "times are 00:00 to 23:59"),
        ({"time_zone": "Europe/Nowhere"}, "time zone of record system 'erp' is 'Europe/Nowhere'"),
        ({"time_zone": "../secret"}, "has to be a name of the IANA database"),
    ],
)
def test_a_window_or_zone_that_is_none_is_told(changed: dict[str, str], told: str) -> None:
    with pytest.raises(UsageError, match=told):
        opens(NOON, of=ERP.model_copy(update=changed))


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


# Freezes


def freeze(starts: float, ends: float, **changed: object) -> Freeze:
    """Between so many hours after noon."""
    given: dict[str, object] = {"freeze_id": 1, "system": "erp", "reason": "year end", "excepted": frozenset()}
    return Freeze(**{**given, **changed}, starts_at=NOON + starts * HOUR, ends_at=NOON + ends * HOUR)  # type: ignore[arg-type]


def test_a_freeze_holds_from_its_start_to_before_its_end() -> None:
    one = freeze(0, 2)
    assert frozen_until([one], "erp", "f", NOON) == (NOON + 2 * HOUR, one)
    assert frozen_until([one], "erp", "f", NOON - timedelta(microseconds=1)) is None
    assert frozen_until([one], "erp", "f", NOON + 2 * HOUR) is None


@pytest.mark.parametrize(("of", "is_frozen"), [("erp", True), ("*", True), ("crm", False)])
def test_a_freeze_is_of_one_system_or_of_all(of: str, is_frozen: bool) -> None:
    assert (frozen_until([freeze(-1, 1, system=of)], "erp", "f", NOON) is not None) == is_frozen


def test_an_excepted_flow_moves_and_another_does_not() -> None:
    freezes = [freeze(-1, 1, excepted=frozenset(["f"]))]
    assert frozen_until(freezes, "erp", "f", NOON) is None
    assert frozen_until(freezes, "erp", "g", NOON) is not None


def test_an_exception_from_one_freeze_is_none_from_another() -> None:
    assert frozen_until([freeze(-1, 9, excepted=frozenset(["f"])), freeze(-1, 1)], "erp", "f", NOON) == (
        NOON + HOUR,
        freeze(-1, 1),
    )


def test_freezes_that_adjoin_or_overlap_end_together_and_one_apart_does_not_count() -> None:
    chain = [freeze(3, 4), freeze(0.5, 2), freeze(2, 3), freeze(-1, 1), freeze(4.5, 9)]
    assert frozen_until(chain, "erp", "f", NOON) == (NOON + 4 * HOUR, freeze(-1, 1))


def test_the_next_freeze_is_the_first_that_begins_now_or_later_for_that_flow() -> None:
    freezes = [
        freeze(-2, -1),
        freeze(5, 6),
        freeze(3, 4),
        freeze(1, 2, system="crm"),
        freeze(2, 3, excepted=frozenset(["f"])),
    ]
    assert next_freeze(freezes, "erp", "f", NOON) == NOON + 3 * HOUR
    assert next_freeze(freezes, "erp", "g", NOON) == NOON + 2 * HOUR
    assert next_freeze(freezes, "erp", "f", NOON + 3 * HOUR) == NOON + 3 * HOUR
    assert next_freeze(freezes, "erp", "f", NOON + 7 * HOUR) is None


freezes = st.builds(
    lambda start, length, of, excepted: freeze(start, start + length, system=of, excepted=excepted),
    st.integers(-9, 9),
    st.integers(1, 5),
    st.sampled_from(["erp", "crm", "*"]),
    st.frozensets(st.sampled_from("fg")),
)


@given(st.lists(freezes, max_size=6))
def test_the_end_of_a_freeze_is_the_first_instant_at_which_none_holds(declared: list[Freeze]) -> None:
    def holds(at: datetime) -> bool:
        return any(
            one.starts_at <= at < one.ends_at and one.system in ("erp", "*") and "f" not in one.excepted
            for one in declared
        )

    found = frozen_until(declared, "erp", "f", NOON)
    hours = [NOON + number * HOUR for number in range(100)]
    first = next(at for at in hours if not holds(at))
    assert (None if found is None else found[0]) == (None if first == NOON else first)
    begins = next_freeze(declared, "erp", "f", first)
    assert begins == next((at for at in hours if at > first and holds(at)), None)


def test_the_date_of_the_examples_is_a_wednesday() -> None:
    assert date(2026, 5, 6).weekday() == 2
