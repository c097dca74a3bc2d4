"""Months and days as billing counts them: local calendar days of the country that a unit is used in. Pure."""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from schemas.errors import UsageError

ZONES = {
    "SE": "Europe/Stockholm",
    "DE": "Europe/Berlin",
    "GB": "Europe/London",
    "FI": "Europe/Helsinki",
    "US": "America/New_York",
    "JP": "Asia/Tokyo",
}
"""The zone whose days count, of each country in which use is paid for."""


def zone(country: str) -> ZoneInfo:
    """Raises UsageError where use is paid for in a country that has no zone here."""
    try:
        return ZoneInfo(ZONES[country])
    except KeyError:
        raise UsageError(f"Cannot bill use in {country}: billing knows the days of {', '.join(ZONES)}.") from None


def local_day(at: datetime, country: str) -> date:
    return at.astimezone(zone(country)).date()


def instant(at_ms: int) -> datetime:
    return datetime.fromtimestamp(at_ms // 1000, UTC) + timedelta(milliseconds=at_ms % 1000)


def month_of(day: date) -> date:
    return day.replace(day=1)


def next_month(month: date) -> date:
    return (month + timedelta(days=31)).replace(day=1)


def days_in(month: date) -> int:
    return monthrange(month.year, month.month)[1]


def between(first: date, last: date) -> Iterator[date]:
    """Months from the first to the last, both included."""
    while first <= last:
        yield first
        first = next_month(first)


def is_over_at(month: date) -> datetime:
    """From when on the month is over in every country."""
    end = datetime.combine(next_month(month), time())
    return max(end.replace(tzinfo=ZoneInfo(name)).astimezone(UTC) for name in ZONES.values())


def name_of(month: date) -> str:
    """As people write it: `2026-05`."""
    return f"{month:%Y-%m}"


def parse(text: str) -> date:
    """The month of a text such as `2026-05`.

    Raises:
        UsageError: It is none.
    """
    try:
        return datetime.strptime(text, "%Y-%m").date()  # noqa: DTZ007  (a month has no zone)
    except ValueError:
        raise UsageError(f"Cannot read period {text!r}: give year and month, such as 2026-05.") from None
