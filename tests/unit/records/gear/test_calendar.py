"""Windows: through midnight, summer time and back, in zones of both sides of the sea."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import pytest

from schemas.errors import UsageError
from sinks.records.gear.calendar import window_open
from tests.unit.records.gear.sales import ERP, NOON
from tests.unit.records.gear.zones import DAY, HOUR, NEW_YORK, STOCKHOLM, local, opens, system


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


def test_the_date_of_the_examples_is_a_wednesday() -> None:
    assert date(2026, 5, 6).weekday() == 2
