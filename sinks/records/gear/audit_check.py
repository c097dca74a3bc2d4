"""Whether the audit is the whole story: recomputed, held against signed heads, and against the rest of the ledger."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from psycopg import IsolationLevel
from psycopg.rows import tuple_row

from sinks.records.database import Connection, session
from sinks.records.gear import audit_links
from sinks.records.gear.audit import COLUMNS
from sinks.records.gear.chain import GENESIS, columns_hash, instant_text
from sinks.records.gear.checkpoints import Checkpoint, PublicKeys, checkpoint_of, stored
from sinks.records.gear.faults import Faults

_FETCHED_ROWS = 10_000


@dataclass(frozen=True)
class AuditReport:
    """What a check found.

    Attributes:
        rows: Audit rows.
        signed_rows: Of them, those up to the newest valid checkpoint: nobody but the holder of the key can have
            changed these. Younger ones hang together, and no more is known of them.
        checkpoints: Valid ones, of ledger and file together.
        faults: A sentence each; empty: all is as it was written.
    """

    rows: int
    signed_rows: int
    checkpoints: int
    faults: list[str] = field(default_factory=list)


def check_audit(ledger_dsn: str, keys: PublicKeys, checkpoint_lines: Sequence[str]) -> AuditReport:
    """Reads the whole ledger as it is at one instant, without holding its audit in memory.

    Args:
        keys: Public keys by name, of now and of before.
        checkpoint_lines: The file of checkpoints, read before this call: what is in it is in the ledger as well.

    Raises:
        UsageError: There is no ledger.
        UnreachableError: It does not answer.
    """
    faults = Faults()
    with session(ledger_dsn) as connection:
        connection.isolation_level = IsolationLevel.REPEATABLE_READ
        connection.read_only = True
        with connection.transaction():
            in_ledger = stored(connection)
            signed = _signed(in_ledger, checkpoint_lines, keys, faults)
            rows = _check_chain(_audit_rows(connection), signed, faults)
            audit_links.check(connection, faults)
    newest = max((entry.audit_no for entry in signed if entry.audit_no <= rows), default=0)
    return AuditReport(rows, newest, len(signed), faults.sentences())


def _signed(in_ledger: Iterable[Checkpoint], lines: Sequence[str], keys: PublicKeys, faults: Faults) -> set[Checkpoint]:
    """Checkpoints of ledger and file with a valid signature."""
    in_file = []
    for number, line in enumerate(lines, start=1):
        try:
            in_file.append(checkpoint_of(line))
        except ValueError:
            faults.add("line", f"Line {number} of the checkpoint file is no checkpoint.")
    held = set(in_ledger)
    if held and not lines:
        faults.add(
            "checkpoint", f"The checkpoint file is empty or not there, and the ledger has {len(held)} checkpoints."
        )
    for entry in sorted(held.symmetric_difference(in_file), key=lambda entry: entry.audit_no):
        if entry not in held:
            faults.add("checkpoint", f"The ledger has lost the checkpoint of row {entry.audit_no}: the file has it.")
        elif entry.audit_no < max((kept.audit_no for kept in held), default=0):
            # The newest one may be on its way into the file.
            faults.add("checkpoint", f"The checkpoint file lacks the checkpoint of row {entry.audit_no}.")
    valid = {entry for entry in held.union(in_file) if entry.is_signed_by(keys)}
    for entry in sorted(held.union(in_file) - valid, key=lambda entry: entry.audit_no):
        why = "its signature is not valid" if entry.key_id in keys else f"its key {entry.key_id} is not known"
        faults.add("signature", f"The checkpoint of row {entry.audit_no} is forged: {why}.")
    return valid


def _audit_rows(connection: Connection) -> Iterator[tuple[Any, ...]]:
    with connection.cursor("audit", row_factory=tuple_row) as cursor:
        cursor.itersize = _FETCHED_ROWS
        yield from cursor.execute(f"SELECT {', '.join(COLUMNS)} FROM gearbox.audit ORDER BY audit_no", binary=True)


def _check_chain(rows: Iterable[tuple[Any, ...]], signed: Iterable[Checkpoint], faults: Faults) -> int:
    """Number of rows, after each was held against the one before it and against the checkpoints of it."""
    told: dict[int, set[bytes]] = {}
    for entry in signed:
        told.setdefault(entry.audit_no, set()).add(entry.hash)
    previous, last, count = GENESIS, 0, 0
    newest: datetime | None = None
    at_text = ""
    for number, at, *columns, hashed in rows:
        count += 1
        if number != last + 1:
            faults.add("gap", _gap(last, number))
        if at != newest:  # rows of one transaction share their instant
            if newest is not None and at < newest:
                faults.add("order", f"Audit row {number} is told to be older than the row before it.")
            newest, at_text = at, instant_text(at)
        if columns_hash(previous, number, at_text, *columns) != hashed:
            faults.add("hash", f"Audit row {number} is not as it was written, or does not follow the row before it.")
        if number in told and told.pop(number) != {hashed}:
            faults.add("rewritten", f"The audit up to row {number} is another one than the one that was signed.")
        previous, last = hashed, number
    for number in sorted(told):
        what = f"ends at row {last}" if number > last else "has no such row"
        faults.add("end", f"Row {number} of the audit was signed, and the audit {what}: rows are lost.")
    return count


def _gap(last: int, number: int) -> str:
    if number <= last:
        return f"Audit row {number} is there twice."
    lost = f"row {last + 1} is" if number == last + 2 else f"rows {last + 1} to {number - 1} are"
    return f"Audit {lost} missing."
