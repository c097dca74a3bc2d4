"""When people wash and run: local hours of their own time zone, turned into instants."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from itertools import count
from random import Random
from zoneinfo import ZoneInfo

HOURS = range(24)


def session_starts(
    start_ms: int, time_zone: str, *, per_day: float, hour_weights: Sequence[float], rng: Random
) -> Iterator[int]:
    """Ascending instants from `start_ms` on, without end, at which somebody starts a session.

    Where summer time ends, a start in the hour that comes twice falls into either; where it begins, nobody starts
    anything in the hour that is left out: it is an hour later by the clock then.

    Args:
        per_day: Mean number a day, 0 to 4; on one day it is this number rounded down or up.
        hour_weights: How likely each of the 24 local hours is.
    """
    zone = ZoneInfo(time_zone)
    first_day = datetime.fromtimestamp(start_ms / 1000, UTC).date() - timedelta(days=1)
    for day in (first_day + timedelta(days=number) for number in count()):
        sessions = int(per_day) + (rng.random() < per_day % 1)
        seconds = [3600 * rng.choices(HOURS, hour_weights)[0] + rng.randrange(3600) for _ in range(sessions)]
        # Sorted as instants: by the clock, the second of two equal hours comes before the rest of the first.
        for instant_ms in sorted(_instant_ms(day, second, zone, rng) for second in seconds):
            if instant_ms >= start_ms:
                yield instant_ms


def _instant_ms(day: date, second: int, zone: ZoneInfo, rng: Random) -> int:
    """The instant at which the clock on the wall shows this second of the day."""
    local = datetime(day.year, day.month, day.day, second // 3600, second // 60 % 60, second % 60, tzinfo=zone)
    again = local.replace(fold=1)
    if again.utcoffset() != local.utcoffset():
        # Of a time that does not exist, fold 0 keeps the offset from before: an hour later by the new clock (PEP 495).
        is_shown_twice = again.timestamp() > local.timestamp()
        local = again if is_shown_twice and rng.random() < 0.5 else local
    return int(local.timestamp()) * 1000
