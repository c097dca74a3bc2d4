"""The outbox in PostgreSQL: what has changed and was not told yet, as entries that name a device each.

In:            entries that triggers of the record systems write (`schemas.outbox`).
Out:           the oldest entries with the rows behind them; fewer entries, once they were told.
Guarantee:     entries and rows are of one moment, so an entry's change is in the rows. An entry of a transaction that
               is not over cannot be seen, whatever its number; it is found when it can be.
On failure:    the transaction is gone and nothing has changed.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from schemas.outbox import ALL, ReferenceKind
from sinks.records.database import Connection, session
from sinks.records.reference_rows import read_rows
from sinks.records.references import Rows
from sinks.records.telling import Wanted

SAME_DEVICE = 4
"""So many times the limit of entries may be taken at once, where they speak of the same devices."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A change of what is known of a device."""

    id: int
    kind: ReferenceKind
    device_id: str

    @property
    def wanted(self) -> Wanted:
        return self.kind, self.device_id


@dataclass(frozen=True)
class News:
    """Entries, and the rows behind them at the same moment.

    Attributes:
        read_at: That moment by the database's clock; every entry was written before it.
    """

    entries: Sequence[Entry]
    rows: Rows
    read_at: datetime


def is_set_up(connection: Connection) -> bool:
    """Whether there is an outbox."""
    row = connection.execute("SELECT to_regclass('reference.outbox') IS NOT NULL AS there").fetchone()
    return row is not None and bool(row["there"])


def identity(connection: Connection) -> str:
    """Which outbox it is: the numbers of its entries mean nothing in another one."""
    row = connection.execute("SELECT outbox::text FROM reference.identity").fetchone()
    assert row is not None, "the outbox is set up with it"
    return str(row["outbox"])


def read(connection: Connection, limit: int, without: Collection[int] = ()) -> News:
    """The oldest entries, with all others of the same devices: what is built of a device answers them all.

    Args:
        without: Entries to pass over.
    """
    with connection.transaction():
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        found = connection.execute(
            """WITH oldest AS (
                 SELECT id, kind, device_id FROM reference.outbox WHERE id <> ALL(%(without)s)
                 ORDER BY id LIMIT %(limit)s
               ), same AS (
                 SELECT outbox.id, kind, device_id FROM reference.outbox
                 JOIN (SELECT DISTINCT kind, device_id FROM oldest) AS told USING (kind, device_id)
                 LIMIT %(most)s
               )
               SELECT id, kind, device_id FROM oldest UNION SELECT id, kind, device_id FROM same ORDER BY id""",
            {"without": list(without), "limit": limit, "most": SAME_DEVICE * limit},
        ).fetchall()
        entries = [Entry(row["id"], row["kind"], row["device_id"]) for row in found]
        wanted: defaultdict[str, set[str]] = defaultdict(set)
        for entry in entries:
            wanted[entry.kind].add(entry.device_id)
        rows = read_rows(connection, dict(wanted))
        clock = connection.execute("SELECT clock_timestamp() AS now").fetchone()
    assert clock is not None, "a SELECT without FROM has a row"
    return News(entries, rows, clock["now"])


def forget(connection: Connection, ids: Collection[int], written_by: datetime | None = None) -> int:
    """Deletes entries that were told, and gives their number.

    Args:
        written_by: None but older ones. A database restored from a backup gives the same numbers to later entries.
    """
    return connection.execute(
        """DELETE FROM reference.outbox WHERE id = ANY(%(ids)s)
           AND (%(by)s::timestamptz IS NULL OR written_at <= %(by)s::timestamptz)""",
        {"ids": list(ids), "by": written_by},
    ).rowcount


def ask_for_all(connection: Connection, told: Collection[Wanted] = ()) -> int:
    """Writes an entry for everything that there is to tell and no entry asks for, and gives their number.

    Args:
        told: What was told before, which may not be there any more: it is asked for, too.
    """
    kinds, devices = ([own[place] for own in told] for place in (0, 1))
    return connection.execute(
        f"""INSERT INTO reference.outbox (kind, device_id)
            SELECT kind, device_id FROM (
              {ALL} UNION SELECT * FROM unnest(%s::text[], %s::text[])
            ) AS known (kind, device_id)
            WHERE NOT EXISTS (
              SELECT FROM reference.outbox WHERE outbox.kind = known.kind AND outbox.device_id = known.device_id
            ) ORDER BY device_id, kind""".encode(),
        [kinds, devices],
    ).rowcount


def waiting(dsn: str) -> int:
    """Number of entries that were not told yet, as far as their transactions are over; 0 where there is no outbox.

    Raises:
        UnreachableError: PostgreSQL does not answer.
    """
    with session(dsn) as connection:
        if not is_set_up(connection):
            return 0
        row = connection.execute("SELECT count(*) AS number FROM reference.outbox").fetchone()
    return 0 if row is None else int(row["number"])
