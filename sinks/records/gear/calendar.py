"""When something may move in a record system: freezes, windows, midnight. Pure.

Windows are local times of the system's time zone, which may skip an hour or have one twice. A local time that is
skipped is the instant of the skip; one that is there twice is the first of the two. So a window always is one interval
[begin, end); one that lies in the skipped hour altogether does not open that day.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from schemas.errors import UsageError
from sinks.records.gear.flow import Gear
from sinks.records.gear.systems import System

EVERY_SYSTEM = "*"
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
_WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_SEARCHED_DAYS = 16
"""A weekly window opens within two weeks, even if it does not on the day of a skipped hour."""


def instant_told(at: datetime) -> str:
    """The instant in a sentence, to the minute: nobody plans by seconds.

    >>> instant_told(datetime(2026, 11, 28, 10, tzinfo=UTC))
    '2026-11-28 10:00 UTC'
    """
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


@dataclass(frozen=True, slots=True)
class Freeze:
    """Nothing moves in a system (`*`: in any), [starts_at, ends_at), but of the excepted flows."""

    freeze_id: int
    system: str
    starts_at: datetime
    ends_at: datetime
    reason: str
    excepted: frozenset[str] = frozenset()

    def holds(self, system: str, flow: str) -> bool:
        """Whether it is for this flow of this system at all."""
        return self.system in (system, EVERY_SYSTEM) and flow not in self.excepted


def frozen_until(freezes: Iterable[Freeze], system: str, flow: str, at: datetime) -> tuple[datetime, Freeze] | None:
    """The end of the freeze that holds a flow at an instant, and that freeze; None where none does.

    Freezes that adjoin or overlap are one: the end is that of the last of them.
    """
    own = sorted((freeze for freeze in freezes if freeze.holds(system, flow)), key=lambda freeze: freeze.starts_at)
    until, first = at, None
    for freeze in own:
        if freeze.starts_at <= until and freeze.ends_at > until:
            until, first = freeze.ends_at, first or freeze
    return None if first is None else (until, first)


def next_freeze(freezes: Iterable[Freeze], system: str, flow: str, after: datetime) -> datetime | None:
    """When the next freeze of a flow begins, at `after` or later; None where none is declared."""
    return min(
        (freeze.starts_at for freeze in freezes if freeze.holds(system, flow) and freeze.starts_at >= after),
        default=None,
    )


def window_open(system: System, gear: Gear, planned_at: datetime, now: datetime) -> datetime | None:
    """When a change of that gear, planned at an instant, may go at the earliest; None: it may now.

    `hourly` goes from the next full hour (UTC) on; the windows of `nightly` and `change_window` hold it up whenever
    they are closed.

    Raises:
        UsageError: The system's window or time zone is none.
    """
    if gear == "live":
        return None
    if gear == "hourly":
        due = planned_at.astimezone(UTC).replace(minute=0, second=0, microsecond=0) + HOUR
        return None if now >= due else due
    for begin, end in _windows(system, gear, now):
        if now < end:
            return None if begin <= now else begin
    raise UsageError(f"The {gear} window of record system {system.name!r} never opens; see systems.toml.")


def midnight_before(system: System, at: datetime) -> datetime:
    """The begin of the day, in the system's time zone, that an instant lies in."""
    zone = _zone(system)
    return _instant(at.astimezone(zone).date(), time(), zone)


def midnight_after(system: System, at: datetime) -> datetime:
    """The end of the day, in the system's time zone, that an instant lies in."""
    zone = _zone(system)
    return _instant(at.astimezone(zone).date() + DAY, time(), zone)


def _windows(system: System, gear: Gear, around: datetime) -> Iterator[tuple[datetime, datetime]]:
    """The windows [begin, end) from the day before an instant on, in order."""
    zone = _zone(system)
    weekday, begins, ends = _declared(system, gear)
    first = around.astimezone(zone).date() - DAY  # yesterday's window may pass midnight
    for day in (first + DAY * number for number in range(_SEARCHED_DAYS)):
        if weekday is None or day.weekday() == weekday:
            begin = _instant(day, begins, zone)
            end = _instant(day if ends > begins else day + DAY, ends, zone)
            if begin < end:
                yield begin, end


def _declared(system: System, gear: Gear) -> tuple[int | None, time, time]:
    """Weekday (None: every day), begin and end of a window; an end that is not after the begin is of the next day."""
    text = system.nightly if gear == "nightly" else system.change_window
    *weekday, times = text.split(" ")
    begin, _, end = times.partition("-")
    try:
        day = _WEEKDAYS.index(weekday[0]) if weekday else None
        return day, time.fromisoformat(begin), time.fromisoformat(end)
    except ValueError as error:
        raise UsageError(
            f"The {gear} window of record system {system.name!r} is {text!r}: times are 00:00 to 23:59; see "
            "systems.toml."
        ) from error


def _zone(system: System) -> ZoneInfo:
    try:
        return ZoneInfo(system.time_zone)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise UsageError(
            f"The time zone of record system {system.name!r} is {system.time_zone!r}: it has to be a name of the IANA "
            "database, such as Europe/Stockholm; see systems.toml."
        ) from error


def _instant(day: date, local: time, zone: ZoneInfo) -> datetime:
    """The first instant at which the zone's clocks show this time of this day, or have skipped it."""
    shown = datetime.combine(day, local, zone)
    instant = shown.astimezone(UTC)
    if instant.astimezone(zone).replace(tzinfo=None) == shown.replace(tzinfo=None):
        return instant
    # Skipped. Read with the offset of after the skip it lies before it, read with that of before it lies after.
    earlier = shown.replace(fold=1).astimezone(UTC)
    offset = earlier.astimezone(zone).utcoffset()

    def is_after_the_skip(second: int) -> bool:
        return (earlier + timedelta(seconds=second)).astimezone(zone).utcoffset() != offset

    seconds = range(int((instant - earlier).total_seconds()))
    return earlier + timedelta(seconds=bisect_left(seconds, True, key=is_after_the_skip))
