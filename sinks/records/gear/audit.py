"""Appending to the audit: one after the other, numbered without gaps, each row's hash over the one before."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import NamedTuple

from sinks.records.database import Connection
from sinks.records.gear.chain import GENESIS, AuditRow, columns_hash, columns_of, instant_text

_LOCK = 7_305_823
"""Advisory lock of who appends; held to the end of the transaction."""
COLUMNS = (
    "audit_no", "at", "event", "who", "change_set_id", "change_no", "flow", "target_table", "key", "field", "before",
    "after", "stored", "detail", "hash",
)  # fmt: skip
_TYPES = ("int8", "timestamptz", "text", "text", "int8", "int8", *["text"] * 8, "bytea")
_START = datetime(1970, 1, 1, tzinfo=UTC)


class Head(NamedTuple):
    """The newest row of the audit; number 0 and `GENESIS` where there is none."""

    audit_no: int
    hash: bytes
    at: datetime


def lock(connection: Connection) -> None:
    """Nobody else appends until the caller's transaction ends; again in the same transaction changes nothing."""
    connection.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])


def head(connection: Connection) -> Head:
    """The newest row, as the caller sees it now."""
    row = connection.execute("SELECT audit_no, hash, at FROM gearbox.audit ORDER BY audit_no DESC LIMIT 1").fetchone()
    return Head(0, GENESIS, _START) if row is None else Head(row["audit_no"], bytes(row["hash"]), row["at"])


def append(connection: Connection, rows: Sequence[AuditRow], at: datetime) -> tuple[int, bytes]:
    """Appends the rows in the caller's open transaction (READ COMMITTED), and gives number and hash of the new head.

    From here to the end of the transaction nobody else can append: call it last. Where `at` is before the head's
    instant, as of a clock that was put back, the rows get the head's: the audit's time never goes back.
    """
    lock(connection)
    number, previous, newest = head(connection)
    told = max(at, newest)
    told_text = instant_text(told)
    if not rows:
        return number, previous
    statement = f"COPY gearbox.audit ({', '.join(COLUMNS)}) FROM STDIN (FORMAT binary)"  # half the time of text
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        copy.set_types(_TYPES)
        for number, row in enumerate(rows, start=number + 1):  # noqa: B020 - the last one is the new head
            columns = columns_of(row)
            previous = columns_hash(previous, number, told_text, *columns)
            copy.write_row((number, told, *columns, previous))
    return number, previous
