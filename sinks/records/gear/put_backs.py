"""When people declared that a record system was put back to an older state: what we wrote before counts as never made.

Only reads; `restores` declares.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sinks.records.database import Connection


@dataclass(frozen=True)
class PutBack:
    """One declaration.

    Attributes:
        at: Writes of this instant and before are ours no longer.
    """

    at: datetime
    who: str
    reason: str


def newest(connection: Connection, system: str) -> PutBack | None:
    """The last declaration of a system; None: it was never put back."""
    found = since(connection, system, None, most=1)
    return found[0] if found else None


def since(connection: Connection, system: str, at: datetime | None, *, most: int | None = None) -> list[PutBack]:
    """Declarations of a system of that instant and later, or all; newest first."""
    rows = connection.execute(
        """SELECT declared_at AS at, declared_by AS who, reason FROM gearbox.restore
           WHERE system = %s AND declared_at >= coalesce(%s::timestamptz, '-infinity')
           ORDER BY restore_id DESC LIMIT %s""",
        [system, at, most],
    )
    return [PutBack(**row) for row in rows]
