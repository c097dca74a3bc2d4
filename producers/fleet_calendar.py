"""The days of a fleet: where every life begins, and instants of local days."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from random import Random
from zoneinfo import ZoneInfo

from schemas.errors import UsageError
from schemas.fleet import FleetDevice

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS

FIRST_DAY = date(2026, 5, 4)
FIRST_DAY_MS = int(datetime(2026, 5, 4, tzinfo=UTC).timestamp()) * 1000
"""Where every fleet's life begins, from midnight UTC. Numbers and counters rise from there, whatever days are sent."""


def first_ms(start: date, days: int, now_ms: int) -> int:
    """Midnight UTC of the first of these simulated days.

    Raises:
        UsageError: It comes before `FIRST_DAY`, or the last day is not over yet.
    """
    if start < FIRST_DAY:
        raise UsageError(
            f"--start {start}: the simulated life begins on {FIRST_DAY}; that day and later ones are accepted"
        )
    start_ms = midnight_ms(start)
    if start_ms + days * DAY_MS > now_ms:
        raise UsageError(
            f"--start {start} with --days {days} ends in the future, which the stream refuses: "
            "the last simulated day has to be yesterday or before"
        )
    return start_ms


def midnight_ms(day: date) -> int:
    """Where this day begins in UTC."""
    return FIRST_DAY_MS + (day - FIRST_DAY).days * DAY_MS


def local_ms(day: date, time_zone: str, hours: range, rng: Random) -> int:
    """An instant of this local day, in one of these local hours."""
    minutes = rng.randrange(60 * hours.start, 60 * hours.stop)
    moment = datetime(day.year, day.month, day.day, minutes // 60, minutes % 60, tzinfo=ZoneInfo(time_zone))
    return int(moment.timestamp()) * 1000


def awake_ms(device: FleetDevice) -> int:
    """From when on an activated device may have sent something.

    It was activated on a local day: by the end of the next day in UTC, that day has passed everywhere.
    """
    assert device.activated_on is not None
    return midnight_ms(device.activated_on + timedelta(days=2))


def born_ms(device: FleetDevice) -> int:
    """Where the simulated life of an activated device begins."""
    return max(FIRST_DAY_MS, awake_ms(device))
