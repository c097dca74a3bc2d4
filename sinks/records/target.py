"""Reads and changes the rows of a record table in PostgreSQL.

In:            a planned change set of the ledger.
Out:           changed fields and their audit rows.
Guarantee:     one transaction: all of it or nothing. A change set is applied once, whoever calls how often.
On failure:    a row that is no longer as planned, by its version or a value, stays as it is; its changes are kept as
               conflicts.
"""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa
from psycopg import sql

from schemas.errors import UsageError
from sinks.records.crash import crash_point
from sinks.records.database import Connection, session
from sinks.records.flow import Flow
from sinks.records.ledger import load
from sinks.records.plan import ROW_VERSION
from sinks.records.staging import check, same_key, stage, table_name


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
        columns=sql.SQL(", ").join(sql.Identifier(name) for name in (*names, ROW_VERSION)), table=table_name(flow)
    )
    with session(dsn) as connection:
        rows = connection.execute(query).fetchall()
    schema = flow.table.arrow_schema(names).append(pa.field(ROW_VERSION, pa.int64()))
    return pa.table({name: [row[name] for row in rows] for name in schema.names}, schema)


def apply(dsn: str, flow: Flow, change_set_id: int, who: str) -> Applied:
    """Carries a planned change set into its target, once, in one transaction.

    1. stage: the change set is locked and its rows are copied into a temporary table
    2. check: the target rows are locked; those with another row version or another value than planned are conflicts
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
            stage(connection, flow, change_set)  # 1
            crash_point("records.staged")
            conflict_rows = check(connection, flow)  # 2
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
            table=table_name(flow), fields=fields, same_key=same_key(flow)
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
