"""A change set beside its target, in a temporary table `staged`, and which of its rows are still as planned."""

from __future__ import annotations

from psycopg import sql
from psycopg.types.json import Jsonb

from sinks.records.database import Connection
from sinks.records.flow import Flow
from sinks.records.ledger import key_json
from sinks.records.plan import Change, ChangeSet
from sinks.records.values import Key

PLANNED = "planned_"
"""A staged column whose name begins so holds what the plan saw in the field."""


def stage(connection: Connection, flow: Flow, change_set: ChangeSet) -> None:
    """Makes `staged`: a row for each changed row with its new values and what the plan saw; gone after the commit."""
    columns: list[sql.Composable] = [sql.Identifier(name) for name in (*flow.key, *flow.fields)]
    columns += [
        sql.SQL("{} AS {}").format(sql.Identifier(name), sql.Identifier(PLANNED + name)) for name in flow.fields
    ]
    connection.execute(
        sql.SQL("CREATE TEMPORARY TABLE staged ON COMMIT DROP AS SELECT {columns} FROM {table} WITH NO DATA").format(
            columns=sql.SQL(", ").join(columns), table=table_name(flow)
        )
    )
    connection.execute(
        "ALTER TABLE staged ADD key_json jsonb, ADD planned_row_version bigint, ADD changed text[], ADD holds boolean"
    )
    rows: dict[Key, dict[str, Change]] = {}
    for change in change_set.changes:
        rows.setdefault(change.key, {})[change.field] = change
    with connection.cursor() as cursor, cursor.copy("COPY staged FROM STDIN") as copy:
        for key, fields in rows.items():
            found = [fields.get(name) for name in flow.fields]
            after = [None if change is None else change.after for change in found]
            before = [None if change is None else change.before for change in found]
            version = next(iter(fields.values())).row_version
            copy.write_row((*key, *after, *before, Jsonb(key_json(flow.table, key)), version, list(fields), False))


def check(connection: Connection, flow: Flow) -> int:
    """Marks the staged rows whose target row is as planned; the number of the others."""
    # In key order, so that two writers cannot wait for each other.
    connection.execute(
        sql.SQL(
            "SELECT count(*) FROM (SELECT 1 FROM {table} AS target JOIN staged ON {same_key} "
            "ORDER BY {key} FOR UPDATE OF target) AS locked"
        ).format(
            table=table_name(flow),
            same_key=same_key(flow),
            key=sql.SQL(", ").join(sql.Identifier("target", name) for name in flow.key),
        )
    )
    # The version alone is not enough: a row that was deleted and loaded again counts from 1 as the one before did.
    same_value = sql.SQL("({name} <> ALL (staged.changed) OR {found} IS NOT DISTINCT FROM {planned})")
    same_values = [
        same_value.format(
            name=sql.Literal(name),
            found=sql.Identifier("target", name),
            planned=sql.Identifier("staged", PLANNED + name),
        )
        for name in flow.fields
    ]
    connection.execute(
        sql.SQL(
            "UPDATE staged SET holds = true FROM {table} AS target "
            "WHERE {same_key} AND target.row_version = staged.planned_row_version AND {same_values}"
        ).format(table=table_name(flow), same_key=same_key(flow), same_values=sql.SQL(" AND ").join(same_values))
    )
    row = connection.execute("SELECT count(*) AS number FROM staged WHERE NOT holds").fetchone()
    assert row is not None
    return int(row["number"])


def table_name(flow: Flow) -> sql.Composable:
    return sql.Identifier(flow.table.system, flow.table.name)


def same_key(flow: Flow) -> sql.Composable:
    return sql.SQL(" AND ").join(
        sql.SQL("{} = {}").format(sql.Identifier("target", name), sql.Identifier("staged", name)) for name in flow.key
    )
