"""How many rows a record system may be sent at this moment. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

SECOND = timedelta(seconds=1)

Sent = Sequence[tuple[datetime, int]]
"""When how many rows were sent, in any order."""


def allowance(rows_per_s: int, sent: Sent, now: datetime) -> int:
    """Rows that may be sent now, so that no second [t, t + 1 s) sees more than `rows_per_s`; never below 0.

    What another clock says was sent later than now counts, too.
    """
    return max(0, rows_per_s - sum(rows for at, rows in sent if at > now - SECOND))


def wait_s(rows_per_s: int, sent: Sent, now: datetime, rows: int = 1) -> float:
    """Seconds until so many rows may be sent, if nothing else is sent meanwhile; 0 if they may be now.

    More rows than `rows_per_s` never may at once: asked for more, it says when `rows_per_s` may be.
    """
    free = rows_per_s
    for at, taken in sorted(sent, reverse=True):  # newest first: these are the last to leave the second
        free -= taken
        if free < rows:  # at the latest with the newest, as soon as more are asked for than the rate
            return max(0.0, (at + SECOND - now).total_seconds())
    return 0.0
