"""Reads and changes the rows of a record table in PostgreSQL.

In:            a planned change set of the ledger.
Out:           changed fields and their audit rows.
Guarantee:     one transaction: all of it or nothing. A change set is applied once, whoever calls how often.
On failure:    a row that is no longer as planned stays as it is; its changes are kept as conflicts.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pyarrow as pa
from psycopg import sql
from psycopg.types.json import Jsonb

from schemas.errors import UsageError
from sinks.records.crash import crash_point
from sinks.records.database import Connection, session
from sinks.records.flow import Flow
from sinks.records.ledger import key_json, load
from sinks.records.plan import ROW_VERSION, ChangeSet


@dataclass(frozen=True)
class Applied:
    """What applying a change set wrote, and what it left alone because somebody else had changed the row."""

    change_set_id: int
    rows: int
    changes: int
    conflict_rows: int


def read_rows(dsn: str, flow: Flow) -> pa.Table:
    """Key, fed fields and `row_version` of all rows of the flow's target."""
    names = (*flow.key, *flow.fields)
    query = sql.SQL("SELECT {columns} FROM {table}").format(
        columns=sql.SQL(", ").join(sql.Identifier(name) for name in (*names, ROW_VERSION)), table=_name(flow)
    )
    with session(dsn) as connection:
        rows = connection.execute(query).fetchall()
    schema = flow.table.arrow_schema(names).append(pa.field(ROW_VERSION, pa.int64()))
    return pa.table({name: [row[name] for row in rows] for name in schema.names}, schema)


def apply(dsn: str, flow: Flow, change_set_id: int, who: str) -> Applied:
    """Carries a planned change set into its target, once, in one transaction.

    1. stage: the change set is locked and its rows are copied into a temporary table
    2. check: the target rows are locked; those with another row version than planned are conflicts
    3. update: the fields of the rows that hold
    4. audit: one row for each changed field
    5. mark: changes as applied or conflict, the set as applied
    6. commit

    Raises:
        UsageError: The change set was refused or superseded, or its flow has changed since.
    """
    change_set = load(dsn, change_set_id).change_set
    with session(dsn) as connection:
        with connection.transaction():
            if not _lock(connection, flow, change_set_id):
                return Applied(change_set_id, 0, 0, 0)
            _stage(connection, flow, change_set)  # 1
            crash_point("records.staged")
            conflict_rows = _check(connection, flow)  # 2
            crash_point("records.checked")
            rows = _update(connection, flow)  # 3
            crash_point("records.updated")
            changes = _audit(connection, change_set_id, who)  # 4
            crash_point("records.audited")
            _mark(connection, change_set_id, who)  # 5
            crash_point("records.marked")
        # 6: the transaction block has committed
        crash_point("records.committed")
    return Applied(change_set_id, rows, changes, conflict_rows)


def _lock(connection: Connection, flow: Flow, change_set_id: int) -> bool:
    """Whether the change set is still to be applied; holds it until the transaction ends."""
    head = connection.execute(
        "SELECT status, reason, flow_version FROM gearbox.change_set WHERE change_set_id = %s FOR UPDATE",
        [change_set_id],
    ).fetchone()
    assert head is not None, "change sets are never deleted"
    if head["status"] == "applied":
        return False
    if head["status"] == "refused":
        raise UsageError(f"Change set {change_set_id} was refused: {head['reason']}.")
    if head["status"] == "superseded":
        raise UsageError(f"Change set {change_set_id} was superseded by a newer plan of flow {flow.name!r}.")
    if head["flow_version"] != flow.full_version:
        raise UsageError(
            f"Change set {change_set_id} was planned by version {head['flow_version']} of flow {flow.name!r}, "
            f"which is at {flow.full_version}. Plan again."
        )
    return True


def _stage(connection: Connection, flow: Flow, change_set: ChangeSet) -> None:
    names = (*flow.key, *flow.fields)
    connection.execute(
        sql.SQL("CREATE TEMPORARY TABLE staged ON COMMIT DROP AS SELECT {columns} FROM {table} WITH NO DATA").format(
            columns=sql.SQL(", ").join(sql.Identifier(name) for name in names), table=_name(flow)
        )
    )
    connection.execute(
        "ALTER TABLE staged ADD key_json jsonb, ADD planned_version bigint, ADD changed text[], ADD holds boolean"
    )
    rows: dict[Any, dict[str, Any]] = {}
    versions = {}
    for change in change_set.changes:
        rows.setdefault(change.key, {})[change.field] = change.after
        versions[change.key] = change.row_version
    with connection.cursor() as cursor, cursor.copy("COPY staged FROM STDIN") as copy:
        for key, fields in rows.items():
            after = [fields.get(name) for name in flow.fields]
            copy.write_row((*key, *after, Jsonb(key_json(flow.table, key)), versions[key], list(fields), False))


def _check(connection: Connection, flow: Flow) -> int:
    """Marks the staged rows whose target row is as planned; the number of the others."""
    # In key order, so that two writers cannot wait for each other.
    connection.execute(
        sql.SQL(
            "SELECT count(*) FROM (SELECT 1 FROM {table} AS target JOIN staged ON {same_key} "
            "ORDER BY {key} FOR UPDATE OF target) AS locked"
        ).format(
            table=_name(flow),
            same_key=_same_key(flow),
            key=sql.SQL(", ").join(sql.Identifier("target", name) for name in flow.key),
        )
    )
    connection.execute(
        sql.SQL(
            "UPDATE staged SET holds = true FROM {table} AS target "
            "WHERE {same_key} AND target.row_version = staged.planned_version"
        ).format(table=_name(flow), same_key=_same_key(flow))
    )
    row = connection.execute("SELECT count(*) AS number FROM staged WHERE NOT holds").fetchone()
    assert row is not None
    return int(row["number"])


def _update(connection: Connection, flow: Flow) -> int:
    changed = sql.SQL("{field} = CASE WHEN {name} = ANY (staged.changed) THEN {after} ELSE {before} END")
    fields = sql.SQL(", ").join(
        changed.format(
            field=sql.Identifier(name),
            name=sql.Literal(name),
            after=sql.Identifier("staged", name),
            before=sql.Identifier("target", name),
        )
        for name in flow.fields
    )
    return connection.execute(
        sql.SQL("UPDATE {table} AS target SET {fields} FROM staged WHERE {same_key} AND staged.holds").format(
            table=_name(flow), fields=fields, same_key=_same_key(flow)
        )
    ).rowcount


def _audit(connection: Connection, change_set_id: int, who: str) -> int:
    return connection.execute(
        """INSERT INTO gearbox.audit (change_set_id, change_no, flow, flow_version, lake_snapshot, target_table, key,
             field, before, after, row_version_before, why, who)
           SELECT change_set_id, change_no, flow, flow_version, lake_snapshot, target_table, key,
             field, before, after, row_version, why, %s
           FROM gearbox.change JOIN gearbox.change_set USING (change_set_id) JOIN staged ON staged.key_json = change.key
           WHERE change_set_id = %s AND staged.holds
           ORDER BY change_no""",
        [who, change_set_id],
    ).rowcount


def _mark(connection: Connection, change_set_id: int, who: str) -> None:
    connection.execute(
        """UPDATE gearbox.change SET status = CASE WHEN staged.holds THEN 'applied' ELSE 'conflict' END
           FROM staged WHERE change.change_set_id = %s AND staged.key_json = change.key""",
        [change_set_id],
    )
    connection.execute(
        """UPDATE gearbox.change_set SET status = 'applied', applied_by = %s, applied_at = now()
           WHERE change_set_id = %s""",
        [who, change_set_id],
    )


def _name(flow: Flow) -> sql.Composable:
    return sql.Identifier(flow.table.system, flow.table.name)


def _same_key(flow: Flow) -> sql.Composable:
    return sql.SQL(" AND ").join(
        sql.SQL("{} = {}").format(sql.Identifier("target", name), sql.Identifier("staged", name)) for name in flow.key
    )
