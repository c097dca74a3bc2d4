"""Chunks: pieces of change sets on their way to a record system, written down before they are sent."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from schemas.errors import OutsideError
from sinks.records.database import Connection
from sinks.records.gear.audit import append
from sinks.records.gear.chain import AuditRow

_SYSTEM_LOCK = 7_305_825
"""First number of the advisory lock of who writes into a system."""
WITNESSES = 64
"""So many of the newest acknowledged tokens are asked for, to see whether a system was put back."""


@dataclass(frozen=True)
class Chunk:
    """A chunk that was sent."""

    token: str
    change_set_id: int
    numbers: tuple[int, ...]
    sent_by: str


def hold_system(connection: Connection, system: str) -> None:
    """Makes this connection the only writer into a system until it ends.

    Raises:
        OutsideError: Another gearbox writes into it.
    """
    if not holds_system(connection, system):
        raise OutsideError(f"Another gearbox writes into {system} just now. Wait for it, or stop it.")


def holds_system(connection: Connection, system: str) -> bool:
    """Tries to make this connection the only writer into a system, and says whether it is."""
    row = connection.execute(
        "SELECT pg_try_advisory_lock(%s, hashtext(%s)) AS is_ours", [_SYSTEM_LOCK, system]
    ).fetchone()
    assert row is not None
    return bool(row["is_ours"])


def release_system(connection: Connection, system: str) -> None:
    """Lets others write into a system again."""
    connection.execute("SELECT pg_advisory_unlock(%s, hashtext(%s))", [_SYSTEM_LOCK, system])


def send(
    connection: Connection,
    token: str,
    change_set_id: int,
    system: str,
    numbers: Sequence[int],
    rows: int,
    who: str,
    now: datetime,
) -> None:
    """Writes down that these changes are about to be sent."""
    connection.execute(
        """INSERT INTO gearbox.chunk (chunk_id, change_set_id, system, change_nos, written_rows, state,
             sent_by, sent_at)
           VALUES (%s, %s, %s, %s::bigint[], %s, 'sent', %s, %s)""",
        # As one text: a list of thousands of numbers costs the client twenty times as much.
        [UUID(token), change_set_id, system, f"{{{','.join(map(str, numbers))}}}", rows, who, now],
    )


def settle(
    connection: Connection, token: str, left_out: Collection[int], audit_rows: Sequence[AuditRow], now: datetime
) -> None:
    """Writes down what became of a chunk, with its audit rows, in one transaction."""
    with connection.transaction():
        done = connection.execute(
            """UPDATE gearbox.chunk SET state = 'applied', left_out = %s, closed_at = %s
               WHERE chunk_id = %s AND state = 'sent'""",
            [sorted(left_out), now, UUID(token)],
        ).rowcount
        if done:  # else somebody else has settled it, with the same audit rows
            append(connection, audit_rows, now)


def cancel(connection: Connection, token: str, now: datetime) -> None:
    """Writes down that nothing of a chunk was written, nor ever will be."""
    connection.execute(
        "UPDATE gearbox.chunk SET state = 'cancelled', closed_at = %s WHERE chunk_id = %s AND state = 'sent'",
        [now, UUID(token)],
    )


def unsettled(connection: Connection, system: str) -> list[Chunk]:
    """Chunks whose outcome nobody knows, oldest first."""
    rows = connection.execute(
        """SELECT chunk_id, change_set_id, change_nos, sent_by FROM gearbox.chunk
           WHERE system = %s AND state = 'sent' ORDER BY sent_at, chunk_id""",
        [system],
    )
    return [Chunk(str(row["chunk_id"]), row["change_set_id"], tuple(row["change_nos"]), row["sent_by"]) for row in rows]


def done_numbers(connection: Connection, change_set_id: int) -> set[int]:
    """Numbers of the changes that were sent and not cancelled: written, left out, or not known yet."""
    rows = connection.execute(
        "SELECT unnest(change_nos) AS number FROM gearbox.chunk WHERE change_set_id = %s AND state <> 'cancelled'",
        [change_set_id],
    )
    return {row["number"] for row in rows}


def written_numbers(connection: Connection, change_set_id: int) -> list[int]:
    """Numbers of the changes that were written, ascending."""
    rows = connection.execute(
        """SELECT number FROM gearbox.chunk, unnest(change_nos) AS number
           WHERE change_set_id = %s AND state = 'applied' AND number <> ALL (left_out) ORDER BY number""",
        [change_set_id],
    )
    return [row["number"] for row in rows]


def recently_sent(connection: Connection, system: str, now: datetime) -> list[tuple[datetime, int]]:
    """When rows were sent lately, and how many: what the limit of rows per second goes by."""
    rows = connection.execute(
        "SELECT sent_at, written_rows FROM gearbox.chunk WHERE system = %s AND sent_at > %s AND state <> 'cancelled'",
        [system, now - timedelta(seconds=2)],
    )
    return [(row["sent_at"], row["written_rows"]) for row in rows]


def rows_since(connection: Connection, flow: str, since: datetime) -> int:
    """Rows that a flow has sent since then."""
    row = connection.execute(
        """SELECT coalesce(sum(written_rows), 0)::bigint AS sent FROM gearbox.chunk JOIN gearbox.change_set
           USING (change_set_id)
           WHERE flow = %s AND sent_at >= %s AND state <> 'cancelled'""",
        [flow, since],
    ).fetchone()
    assert row is not None, "an aggregate has a row"
    return int(row["sent"])


def witnesses(connection: Connection, system: str) -> dict[str, int]:
    """The newest tokens that the system acknowledged since it was last put back, with the sets they are of."""
    rows = connection.execute(
        """SELECT chunk_id, change_set_id FROM gearbox.chunk
           WHERE system = %(system)s AND state = 'applied' AND cardinality(left_out) < cardinality(change_nos)
             AND sent_at > coalesce(
               (SELECT max(declared_at) FROM gearbox.restore WHERE restore.system = %(system)s), '-infinity')
           ORDER BY sent_at DESC LIMIT %(most)s""",
        {"system": system, "most": WITNESSES},
    )
    return {str(row["chunk_id"]): row["change_set_id"] for row in rows}
