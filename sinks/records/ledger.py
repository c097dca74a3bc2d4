"""The gearbox's memory in PostgreSQL: planned change sets and what became of them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg.types.json import Jsonb

from schemas.errors import UsageError
from schemas.gearbox import ChangeSetStatus, ChangeStatus
from schemas.records import BY_NAME, RecordTable
from sinks.records.database import Connection, session
from sinks.records.judge import Verdict
from sinks.records.plan import Change, ChangeSet
from sinks.records.values import Json, Key, from_json, to_json


@dataclass(frozen=True)
class Entry:
    """A change set as the ledger holds it; `statuses` goes with `change_set.changes`."""

    change_set_id: int
    change_set: ChangeSet
    status: ChangeSetStatus
    reason: str | None
    planned_by: str
    planned_at: datetime
    applied_by: str | None
    applied_at: datetime | None
    statuses: tuple[ChangeStatus, ...]


def record(dsn: str, change_set: ChangeSet, verdict: Verdict, planned_by: str) -> int | None:
    """Keeps a change set, judged, and gives its number; None when it holds no change, for then nothing is kept.

    Older plans of the same flow that were never applied are superseded: their facts are older.
    """
    with session(dsn) as connection, connection.transaction():
        connection.execute(
            "UPDATE gearbox.change_set SET status = 'superseded' WHERE flow = %s AND status = 'planned'",
            [change_set.flow],
        )
        if not change_set.changes:
            return None
        return _insert(connection, change_set, verdict, planned_by)


def _insert(connection: Connection, change_set: ChangeSet, verdict: Verdict, planned_by: str) -> int:
    table = BY_NAME[change_set.target_table]
    row = connection.execute(
        """INSERT INTO gearbox.change_set (flow, flow_version, lake_snapshot, target_table, target_rows, missing_keys,
             missing_rows, status, reason, planned_by)
           VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s) RETURNING change_set_id""",
        [
            change_set.flow,
            change_set.flow_version,
            change_set.lake_snapshot,
            change_set.target_table,
            change_set.target_rows,
            Jsonb([key_json(table, key) for key in change_set.missing_keys]),
            change_set.missing_rows,
            "planned" if verdict.decision == "go" else "refused",
            None if verdict.decision == "go" else verdict.reason,
            planned_by,
        ],
    ).fetchone()
    assert row is not None, "RETURNING gives the inserted row"
    change_set_id = int(row["change_set_id"])
    columns = "change_set_id, change_no, key, field, before, after, row_version, why, status"
    with connection.cursor() as cursor, cursor.copy(f"COPY gearbox.change ({columns}) FROM STDIN") as copy:
        for number, change in enumerate(change_set.changes, start=1):
            copy.write_row(
                (
                    change_set_id,
                    number,
                    Jsonb(key_json(table, change.key)),
                    change.field,
                    Jsonb(to_json(change.before)),
                    Jsonb(to_json(change.after)),
                    change.row_version,
                    Jsonb(change.why),
                    "planned",
                )
            )
    return change_set_id


def load(dsn: str, change_set_id: int) -> Entry:
    """The change set of that number.

    Raises:
        UsageError: There is none.
    """
    with session(dsn) as connection:
        head = connection.execute(
            "SELECT * FROM gearbox.change_set WHERE change_set_id = %s", [change_set_id]
        ).fetchone()
        if head is None:
            newest = connection.execute("SELECT max(change_set_id) AS number FROM gearbox.change_set").fetchone()
            known = newest["number"] if newest is not None else None
            raise UsageError(f"There is no change set {change_set_id}; the newest is {known or 'not planned yet'}.")
        rows = connection.execute(
            "SELECT * FROM gearbox.change WHERE change_set_id = %s ORDER BY change_no", [change_set_id]
        ).fetchall()
    return _entry(head, rows)


def _entry(head: dict[str, Any], rows: list[dict[str, Any]]) -> Entry:
    table = BY_NAME[head["target_table"]]
    changes = tuple(
        Change(
            key_from_json(table, row["key"]),
            row["field"],
            from_json(table.column(row["field"]).kind, row["before"]),
            from_json(table.column(row["field"]).kind, row["after"]),
            row["row_version"],
            row["why"],
        )
        for row in rows
    )
    change_set = ChangeSet(
        head["flow"],
        head["flow_version"],
        head["lake_snapshot"],
        head["target_table"],
        head["target_rows"],
        tuple(key_from_json(table, key) for key in head["missing_keys"]),
        head["missing_rows"],
        changes,
    )
    return Entry(
        head["change_set_id"],
        change_set,
        head["status"],
        head["reason"],
        head["planned_by"],
        head["planned_at"],
        head["applied_by"],
        head["applied_at"],
        tuple(row["status"] for row in rows),
    )


def key_json(table: RecordTable, key: Key) -> dict[str, Json]:
    return {name: to_json(value) for name, value in zip(table.key, key, strict=True)}


def key_from_json(table: RecordTable, key: dict[str, Json]) -> Key:
    return tuple(from_json(table.column(name).kind, key[name]) for name in table.key)
