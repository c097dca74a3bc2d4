"""Fills a ledger by hand: sets, changes, approvals, chunks and audit rows as the gearbox would have left them."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import psycopg

from schemas.gearbox_ledger import AuditEvent, ChangeSetKind, ChangeSetStatus, ChunkState, Decision, Op
from schemas.records import BY_NAME
from sinks.records.values import Key, Value, json_text, key_text

NOW = datetime(2026, 5, 15, 12, tzinfo=UTC)
SALES = "erp.monthly_sales"
FLOW_OF = {SALES: "erp.sales_usage", "crm.customer": "crm.customer_usage"}


def ago(**span: float) -> datetime:
    """So long before `NOW`: `ago(hours=2)`."""
    return NOW - timedelta(**span)


@dataclass(frozen=True)
class Wanted:
    """One change to put into a set."""

    key: Key
    field: str
    before: Value
    after: Value
    op: Op = "update"
    decision: Decision = "go"
    reason: str = "3 of 117 rows, within the flow's free size"
    not_before: datetime | None = None
    why: Mapping[str, Any] = dataclasses.field(default_factory=dict)


@dataclass(frozen=True)
class Filler:
    """Writes into one ledger as its owner."""

    dsn: str

    def add_set(
        self,
        *changes: Wanted,
        table: str = SALES,
        kind: ChangeSetKind = "plan",
        status: ChangeSetStatus = "open",
        snapshot: int = 1,
        planned_by: str = "anna",
        planned_at: datetime = NOW,
        expires_at: datetime | None = None,
        undoes: int | None = None,
        reason: str | None = None,
        missing_keys: Sequence[str] = (),
        content_hash: str = "aa",
    ) -> int:
        """The number of the new set."""
        with psycopg.connect(self.dsn) as connection:
            row = connection.execute(
                """INSERT INTO gearbox.change_set (kind, flow, flow_version, lake_snapshot, system, target_table,
                     target_rows, changes, changed_rows, missing_rows, missing_keys, undoes, reason, content_hash,
                     status, planned_by, planned_at, expires_at)
                   VALUES (%s, %s, '1-abc', %s, %s, %s, 117, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
                   RETURNING change_set_id""",
                [
                    kind,
                    FLOW_OF[table],
                    snapshot,
                    table.partition(".")[0],
                    table,
                    len(changes),
                    len({change.key for change in changes}),
                    len(missing_keys),
                    list(missing_keys),
                    undoes,
                    reason,
                    content_hash,
                    status,
                    planned_by,
                    planned_at,
                    expires_at or planned_at + timedelta(days=7),
                ],
            ).fetchone()
            assert row is not None
            number = int(row[0])
            for change_no, change in enumerate(changes, start=1):
                connection.execute(
                    "INSERT INTO gearbox.change VALUES (%s, %s, %s, %s, %s, %s, %s, 1, '{}', %s, %s, %s, %s)",
                    [
                        number,
                        change_no,
                        change.op,
                        key_text(BY_NAME[table].key, change.key),
                        change.field,
                        json_text(change.before),
                        json_text(change.after),
                        json.dumps(change.why),
                        change.decision,
                        change.reason,
                        change.not_before,
                    ],
                )
        return number

    def approve(
        self, number: int, person: str, role: str, at: datetime, *, content_hash: str = "aa", is_approved: bool = True
    ) -> None:
        """Somebody says something of a set."""
        self._execute(
            """INSERT INTO gearbox.approval (change_set_id, content_hash, person, role, is_approved, is_immediate,
                 reason, decided_at) VALUES (%s, %s, %s, %s, %s, false, NULL, %s)""",
            [number, content_hash, person, role, is_approved, at],
        )

    def carry(
        self,
        number: int,
        numbers: Sequence[int],
        at: datetime,
        *,
        state: ChunkState = "applied",
        left_out: Mapping[int, tuple[AuditEvent, str]] | None = None,
        stored: Mapping[int, Value] | None = None,
        who: str = "gearbox",
    ) -> None:
        """A chunk with these changes, and its audit rows when it was applied.

        Args:
            left_out: Changes that were not written, with the event and the reason that the audit tells.
            stored: What the record system made of a value.
        """
        left = left_out or {}
        with psycopg.connect(self.dsn) as connection:
            connection.execute(
                """INSERT INTO gearbox.chunk SELECT %(id)s, %(set)s, system, %(numbers)s::bigint[],
                     (SELECT count(DISTINCT key) FROM gearbox.change
                      WHERE change_set_id = %(set)s AND change_no = ANY (%(numbers)s)),
                     %(state)s, %(who)s, %(at)s, %(closed)s, %(left)s::bigint[]
                   FROM gearbox.change_set WHERE change_set_id = %(set)s""",
                {
                    "id": uuid4(),
                    "set": number,
                    "numbers": list(numbers),
                    "state": state,
                    "who": who,
                    "at": at,
                    "closed": None if state == "sent" else at,
                    "left": sorted(left) if state == "applied" else None,
                },
            )
            for change_no in numbers if state == "applied" else ():
                event, reason = left.get(change_no, ("written", None))
                kept = json_text(stored[change_no]) if stored and change_no in stored else None
                connection.execute(
                    """INSERT INTO gearbox.audit SELECT (SELECT count(*) + 1 FROM gearbox.audit), %s, %s, %s,
                         change_set_id, change_no, flow, target_table, key, field, before, after, %s, %s, '\\x00'
                       FROM gearbox.change JOIN gearbox.change_set USING (change_set_id)
                       WHERE change_set_id = %s AND change_no = %s""",
                    [
                        at,
                        event,
                        who,
                        kept,
                        None if reason is None else json.dumps({"reason": reason}),
                        number,
                        change_no,
                    ],
                )

    def tell(self, event: AuditEvent, who: str, at: datetime, number: int | None = None, **detail: object) -> None:
        """An audit row that is of no field."""
        self._execute(
            """INSERT INTO gearbox.audit (audit_no, at, event, who, change_set_id, detail, hash)
               VALUES ((SELECT count(*) + 1 FROM gearbox.audit), %s, %s, %s, %s, %s, '\\x00')""",
            [at, event, who, number, json.dumps(detail)],
        )

    def freeze(
        self, system: str, starts_at: datetime, ends_at: datetime, *excepted: str, is_lifted: bool = False
    ) -> None:
        """A freeze, declared by Bert."""
        with psycopg.connect(self.dsn) as connection:
            row = connection.execute(
                """INSERT INTO gearbox.freeze (system, starts_at, ends_at, reason, declared_by, declared_at, lifted_at)
                   VALUES (%s, %s, %s, 'year end', 'bert', %s, %s) RETURNING freeze_id""",
                [system, starts_at, ends_at, ago(days=9), ago(days=8) if is_lifted else None],
            ).fetchone()
            assert row is not None
            for flow in excepted:
                connection.execute(
                    "INSERT INTO gearbox.freeze_exception VALUES (%s, %s, 'stock', 'bert', %s)",
                    [row[0], flow, ago(days=8)],
                )

    def break_off(self, system: str, reason: str, retry_at: datetime) -> None:
        """The system is not called until then."""
        self._execute(
            "INSERT INTO gearbox.breaker VALUES (%s, 'open', 5, %s, %s, %s)", [system, retry_at, reason, ago(minutes=1)]
        )

    def put_back(self, system: str, at: datetime) -> None:
        """The system was restored to an older state."""
        self._execute(
            "INSERT INTO gearbox.restore (system, declared_by, declared_at, reason) VALUES (%s, 'bert', %s, 'disk')",
            [system, at],
        )

    def _execute(self, statement: str, values: Sequence[Any]) -> None:
        with psycopg.connect(self.dsn) as connection:
            connection.execute(statement.encode(), values)
