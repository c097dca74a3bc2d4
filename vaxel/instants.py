"""Instants as people write them. Pure."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta

from schemas.errors import UsageError

ACCEPTED = "2026-05-03 14:03 (UTC), 2026-05-03T14:03:20+02:00, or a day alone: 2026-05-03"
_WEEK_ALONE = re.compile(r"\d{4}-?W\d{2}(?!-?\d)")


def end_ms(text: str) -> int:
    """The instant in ms since 1970 UTC; of a day alone its end (UTC), since `as of 3 May` takes in what that day told.

    All of ISO 8601 that Python reads is accepted, for a day too: 20260503 and 2026-W18-7. A week alone is no instant.

    Raises:
        UsageError: it is no instant.

    >>> end_ms("1970-01-01 00:01"), end_ms("1970-01-01T02:00+02:00"), end_ms("1970-01-01")
    (60000, 0, 86399999)
    """
    try:
        day = _day(text.strip())
        if day is not None:
            return _ms(datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(days=1)) - 1
        instant = datetime.fromisoformat(text.strip())
        return _ms(instant if instant.tzinfo is not None else instant.replace(tzinfo=UTC))
    except (ValueError, OverflowError):
        raise UsageError(f"{text!r} is no instant; accepted are {ACCEPTED}") from None


def _day(text: str) -> date | None:
    """The day that a text names and no more; None for any other text."""
    if _WEEK_ALONE.match(text):
        raise ValueError("a week is no day")
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def _ms(instant: datetime) -> int:
    return (instant - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)
