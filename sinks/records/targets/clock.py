"""The clock by which the adapters keep deadlines."""

from __future__ import annotations

from datetime import UTC, datetime


def now_utc() -> datetime:
    return datetime.now(UTC)  # noqa: TID251  (a shell: deadlines are told by the clock)
