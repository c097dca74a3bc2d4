"""Time zones by name. Pure."""

from __future__ import annotations

from functools import lru_cache
from zoneinfo import ZoneInfo


@lru_cache(maxsize=1_000)
def zone_of(name: str) -> ZoneInfo | None:
    """The time zone of that name; None for one that the database does not know.

    A part of a name, or one too long for a file, is an OSError to the database that lies in files.
    """
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return None
