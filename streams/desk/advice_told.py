"""What a device's people have been told, so that nobody is told too much or the same too soon. Pure."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import get_args

import numpy as np

from schemas.desk import InsightKind
from streams.desk.advice_finding import COOLDOWN_DAYS, WARNINGS
from streams.desk.advice_history import DAY_MS
from streams.desk.register import Custody
from streams.desk.zones import zone_of

WEEKS = 4
"""Calendar weeks counted: those that advice may still concern (`advice.STALE_DAYS`), and one more."""

_KINDS: tuple[InsightKind, ...] = get_args(InsightKind)

Version = tuple[int, int]
"""When a version of a session became known, in ms, and its number: versions count in this order, as in the lake."""

TOLD = np.dtype(
    [
        ("slot", "i8"),
        ("event", "u8", len(_KINDS)),
        ("event_version", "i4", len(_KINDS)),
        ("event_at_ms", "i8", len(_KINDS)),
        ("week", "i4", WEEKS),
        ("week_custody_ms", "i8", WEEKS),
        ("week_count", "i4", WEEKS),
        ("event_known_ms", "i8", len(_KINDS)),
    ]
)
"""Of each kind the newest event told; of the newest weeks how much, per custody (by its begin)."""


def may_speak(told: np.void, kind: InsightKind, event: int, version: Version, at_ms: int, custody: Custody) -> bool:
    """Whether something of this kind may be said of an event by now, whatever else is said in its week.

    Of an event that was told, a later version may be told again. Of another one only if it is later by the kind's
    cool-down, or if nothing of the kind was said in this custody.
    """
    at = _KINDS.index(kind)
    if told["event"][at] == event:
        return (int(told["event_known_ms"][at]), int(told["event_version"][at])) < version
    last_ms = int(told["event_at_ms"][at])
    return last_ms < custody.from_ms or at_ms > last_ms + COOLDOWN_DAYS[kind] * DAY_MS


def fits_week(told: np.void, kind: InsightKind, event: int, at_ms: int, custody: Custody) -> bool:
    """Whether the person still wants to hear it in the calendar week of `at_ms`, by their own clock.

    Who wants two or more a week has one kept free for warnings. What is told again counts once.
    """
    wanted = custody.insights_per_week
    if told["event"][_KINDS.index(kind)] == event:
        return wanted > 0
    if kind not in WARNINGS and wanted > 1:
        wanted -= 1
    row = _week_row(told, local_week(at_ms, custody.time_zone), custody)
    return (0 if row is None else int(told["week_count"][row])) < wanted


def note(told: np.void, kind: InsightKind, event: int, version: Version, at_ms: int, custody: Custody) -> None:
    """Remember that it was said; `told` is changed."""
    at = _KINDS.index(kind)
    is_again = told["event"][at] == event
    told["event"][at], told["event_at_ms"][at] = event, at_ms
    told["event_known_ms"][at], told["event_version"][at] = version
    if is_again:
        return
    week = local_week(at_ms, custody.time_zone)
    row = _week_row(told, week, custody)
    if row is None:
        row = int(np.argmin(told["week"]))
        told["week"][row], told["week_custody_ms"][row], told["week_count"][row] = week, custody.from_ms, 0
    told["week_count"][row] += 1


def local_day(at_ms: int, time_zone: str) -> date:
    """The day of an instant, where the person is."""
    return local(at_ms, time_zone).date()


def local(at_ms: int, time_zone: str) -> datetime:
    """An instant on the person's clock."""
    return datetime.fromtimestamp(at_ms / 1000, zone_of(time_zone) or UTC)


def local_week(at_ms: int, time_zone: str) -> int:
    """Number of the week, from Monday to Sunday (ISO 8601), in which an instant lies, where the person is."""
    return week_of(local_day(at_ms, time_zone))


def week_of(day: date) -> int:
    """Number of a day's week; day 1 of the calendar was a Monday."""
    return (day.toordinal() - 1) // 7


def _week_row(told: np.void, week: int, custody: Custody) -> int | None:
    rows = np.flatnonzero((told["week"] == week) & (told["week_custody_ms"] == custody.from_ms))
    return int(rows[0]) if rows.size else None
