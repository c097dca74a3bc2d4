"""When people wash and run: local hours of their own time zone, turned into instants."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import count
from random import Random
from zoneinfo import ZoneInfo

HOURS = range(24)


def session_starts(
    start_ms: int, time_zone: str, *, per_day: float, hour_weights: Sequence[float], rng: Random
) -> Iterator[int]:
    """Ascending instants from `start_ms` on, without end, at which somebody starts a session.

    Args:
        per_day: Mean number a day, 0 to 4; on one day it is this number rounded down or up.
        hour_weights: How likely each of the 24 local hours is.
    """
    zone = ZoneInfo(time_zone)
    first_day = datetime.fromtimestamp(start_ms / 1000, UTC).date() - timedelta(days=1)
    for day in (first_day + timedelta(days=number) for number in count()):
        sessions = int(per_day) + (rng.random() < per_day % 1)
        for second in sorted(3600 * rng.choices(HOURS, hour_weights)[0] + rng.randrange(3600) for _ in range(sessions)):
            local = datetime(day.year, day.month, day.day, second // 3600, second // 60 % 60, second % 60, tzinfo=zone)
            instant_ms = int(local.timestamp()) * 1000
            if instant_ms >= start_ms:
                yield instant_ms
