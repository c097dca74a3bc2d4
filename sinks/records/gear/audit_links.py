"""Whether the rest of the ledger is as the audit tells it: changes, chunks, approvals, people, freezes, restores."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from itertools import groupby
from operator import itemgetter
from typing import Any, NamedTuple

from psycopg.rows import tuple_row

from sinks.records.database import Connection
from sinks.records.gear import approvals, freezes, people
from sinks.records.gear.calendar import Freeze
from sinks.records.gear.chain import AuditRow
from sinks.records.gear.changes import Change, ChangeSet
from sinks.records.gear.faults import Faults

_FETCHED_ROWS = 10_000
_WORK_MEMORY = "128MB"
"""Of the server, so that it joins a million rows without writing them to disk first."""

_UNLIKE_CHUNKS = """
WITH applied AS (
  SELECT change_set_id, change_no, count(*) AS times FROM gearbox.chunk, unnest(change_nos) AS change_no
  WHERE state = 'applied' AND change_no <> ALL (coalesce(left_out, '{}')) GROUP BY 1, 2
), written AS (
  SELECT change_set_id, change_no, count(*) AS times FROM gearbox.audit WHERE event = 'written' GROUP BY 1, 2
)
SELECT change_set_id, change_no, coalesce(applied.times, 0), coalesce(written.times, 0)
FROM applied FULL JOIN written USING (change_set_id, change_no)
WHERE (applied.times, written.times) IS DISTINCT FROM (1::bigint, 1::bigint) ORDER BY 1, 2
"""
_UNLIKE_CHANGES = """
SELECT audit_no, change_set_id, change_no
FROM gearbox.audit LEFT JOIN gearbox.change USING (change_set_id, change_no)
  LEFT JOIN gearbox.change_set USING (change_set_id)
WHERE event IN ('written', 'conflict', 'turned_down')
  AND (audit.key, audit.field, audit.before, audit.after, audit.flow, audit.target_table) IS DISTINCT FROM
    (change.key, change.field, change.before, change.after, change_set.flow, change_set.target_table)
ORDER BY 1
"""
_CHANGES = """
SELECT change_set_id, change_no, op, key, field, before, after, why FROM gearbox.change
ORDER BY change_set_id, change_no
"""
_SETS = """
SELECT change_set_id, kind, flow, flow_version, lake_snapshot, system, target_table, changes, undoes, content_hash,
  planned_by
FROM gearbox.change_set
"""
_APPROVALS = (
    "SELECT approval.*, flow, target_table FROM gearbox.approval LEFT JOIN gearbox.change_set USING (change_set_id)"
)
_TOLD = """
SELECT event, who, change_set_id, change_no, flow, target_table, key, field, before, after, stored, detail
FROM gearbox.audit WHERE event IN ('planned', 'approved', 'rejected', 'person', 'frozen')
"""
# A restore counts from the tick before its own audit row.
_RESTORES = """
SELECT declared_by AS who, (declared_at + interval '1 microsecond')::text AS at, system, reason FROM gearbox.restore
"""
_TOLD_RESTORES = "SELECT who, at::text, detail FROM gearbox.audit WHERE event = 'restored'"


class _Set(NamedTuple):
    change_set_id: int
    kind: Any
    flow: str
    flow_version: str
    lake_snapshot: int
    system: str
    target_table: str
    changes: int
    undoes: int | None
    content_hash: str
    planned_by: str

    def content(self, changes: tuple[Change, ...]) -> str:
        head = (self.kind, self.flow, self.flow_version, self.lake_snapshot, self.system, self.target_table)
        return ChangeSet(*head, target_rows=0, changes=changes, undoes=self.undoes).content_hash()


def check(connection: Connection, faults: Faults) -> None:
    """Adds what does not agree; the connection has a transaction open that sees one instant."""
    with connection.cursor(row_factory=tuple_row) as cursor:
        cursor.execute(f"SET LOCAL work_mem = '{_WORK_MEMORY}'")
        for set_id, number, applied, written in cursor.execute(_UNLIKE_CHUNKS):
            faults.add(
                "written",
                f"Change {number} of change set {set_id} was applied {_times(applied)}, and the audit tells it "
                f"{_times(written)}.",
            )
        for audit_no, set_id, number in cursor.execute(_UNLIKE_CHANGES):
            faults.add("change", f"Audit row {audit_no} tells another change {number} of change set {set_id}.")
        sets = {row[0]: _Set(*row) for row in cursor.execute(_SETS)}
        told = [AuditRow(*row) for row in cursor.execute(_TOLD)]
    _check_contents(connection, sets, faults)
    _check_plans(sets, [row for row in told if row.event == "planned"], faults)
    _check_approvals(connection, sets, faults)
    _check_told(connection, [row for row in told if row.event != "planned"], faults)
    _check_restores(connection, faults)


def _check_contents(connection: Connection, sets: dict[int, _Set], faults: Faults) -> None:
    without = set(sets)
    with connection.cursor("changes", row_factory=tuple_row) as cursor:
        cursor.itersize = _FETCHED_ROWS
        for set_id, rows in groupby(cursor.execute(_CHANGES, binary=True), itemgetter(0)):
            without.discard(set_id)
            numbers, changes = [], []
            why = ""
            for _, number, op, key, field, before, after, kept in rows:
                why = kept or why  # as `whys.told`, without holding all of a set's rows
                numbers.append(number)
                changes.append(Change(op, key, field, before, after, None, why=why))
            own = sets.get(set_id)
            if own is None:
                faults.add("content", f"There are changes of change set {set_id}, which is not there.")
            elif numbers != list(range(1, own.changes + 1)) or own.content(tuple(changes)) != own.content_hash:
                faults.add("content", f"Change set {set_id} is not as it was planned: its content has another hash.")
    for set_id in sorted(without):
        if sets[set_id].changes or sets[set_id].content(()) != sets[set_id].content_hash:
            faults.add("content", f"Change set {set_id} has lost its changes.")


def _check_plans(sets: dict[int, _Set], told: list[AuditRow], faults: Faults) -> None:
    """Each set has one audit row of its plan, which tells the same content and author."""
    plans = Counter((row.change_set_id, row.who, row.flow, row.target_table, *_content_of(row.detail)) for row in told)
    held = Counter(
        (own.change_set_id, own.planned_by, own.flow, own.target_table, own.content_hash, own.lake_snapshot)
        for own in sets.values()
    )
    for set_id in sorted({plan[0] or 0 for plan in _unlike(plans, held)}):
        faults.add("planned", f"Change set {set_id} is not the one whose plan the audit tells.")


def _check_restores(connection: Connection, faults: Faults) -> None:
    """What was declared put back, by whom, when and why, has an audit row each, and the audit tells no others."""
    with connection.cursor(row_factory=tuple_row) as cursor:
        held = Counter(cursor.execute(_RESTORES).fetchall())
        told = Counter(
            (who, at, *_of(detail, "system", "reason")) for who, at, detail in cursor.execute(_TOLD_RESTORES)
        )
    for who, at, system, _ in sorted(_unlike(held, told), key=repr):
        faults.add("restored", f"That {system} was put back, by {who} at {at}, is not as the audit tells.")


def _content_of(detail: str | None) -> tuple[object, ...]:
    return _of(detail, "content_hash", "lake_snapshot")


def _of(detail: str | None, *names: str) -> tuple[object, ...]:
    """Values of a detail by their names, what is no value as JSON; None each where it is no JSON object."""
    try:
        told = json.loads(detail or "{}")
        values = (told.get(name) for name in names)
        return tuple(json.dumps(value) if isinstance(value, list | dict) else value for value in values)
    except (ValueError, AttributeError):
        return (None,) * len(names)


def _check_approvals(connection: Connection, sets: dict[int, _Set], faults: Faults) -> None:
    rows = connection.execute("SELECT approval_no, change_set_id, content_hash FROM gearbox.approval ORDER BY 1")
    for row in rows:
        own = sets.get(row["change_set_id"])
        if own is None or own.content_hash != row["content_hash"]:
            faults.add(
                "approval", f"Approval {row['approval_no']} is of another content of set {row['change_set_id']}."
            )


def _check_told(connection: Connection, told: list[AuditRow], faults: Faults) -> None:
    """Approvals, people, roles and freezes have an audit row each, and the audit tells no others."""
    expected, held = Counter(told), Counter(_rows_to_tell(connection))
    for row in sorted(_unlike(held, expected), key=repr):
        what = f"of change set {row.change_set_id}" if row.change_set_id is not None else f"{row.detail}"
        is_told = held[row] < expected[row]
        where = "the audit tells, and the ledger has lost" if is_told else "the ledger has, and the audit does not tell"
        faults.add("told", f"There is something of kind {row.event!r} by {row.who} that {where}: {what}.")


def _unlike(one: Counter[Any], other: Counter[Any]) -> set[Any]:
    return set(one - other) | set(other - one)


def _rows_to_tell(connection: Connection) -> Iterator[AuditRow]:
    for row in connection.execute(_APPROVALS):
        flow, target_table = row.pop("flow"), row.pop("target_table")
        row.pop("approval_no")
        yield approvals.audit_row(approvals.Approval(**row), flow, target_table)
    for row in connection.execute("SELECT * FROM gearbox.person"):
        yield people.added_row(row["name"], row["added_by"])
    for row in connection.execute("SELECT * FROM gearbox.person_role"):
        yield people.role_row(row["person"], row["role"], row["given_by"], is_held=row["is_held"])
    for row in connection.execute("SELECT * FROM gearbox.freeze"):
        freeze = Freeze(row["freeze_id"], row["system"], row["starts_at"], row["ends_at"], row["reason"])
        yield freezes.declared_row(freeze, row["declared_by"])
        if row["lifted_at"] is not None:
            yield freezes.lifted_row(row["freeze_id"], row["lifted_by"] or "")
    for row in connection.execute("SELECT * FROM gearbox.freeze_exception"):
        yield freezes.excepted_row(row["freeze_id"], row["flow"], row["reason"], row["given_by"])


def _times(count: int) -> str:
    return {0: "never", 1: "once"}.get(count, f"{count} times")
