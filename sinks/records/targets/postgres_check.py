"""Whether a record system's PostgreSQL is as the schemas declare, and lets the gearbox do what it has to."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

from schemas.gearbox_ledger import Op
from schemas.record_form import DECIMAL_DIGITS, DECIMAL_PLACES, PRECISE_DIGITS, PRECISE_PLACES, Kind, RecordTable
from schemas.record_receipts import RECEIPT_TABLE
from sinks.records.targets.postgres_session import Connection
from sinks.records.targets.target import ROW_VERSION, columns_read

OLDEST: Final = 170_000
"""Version 17: the first that ends a transaction at its deadline by itself."""

TYPES: Final[dict[Kind, str]] = {
    "text": "text",
    "integer": "bigint",
    "decimal": f"numeric({DECIMAL_DIGITS},{DECIMAL_PLACES})",
    "precise": f"numeric({PRECISE_DIGITS},{PRECISE_PLACES})",
    "date": "date",
    "instant": "timestamp with time zone",
}
_RIGHTS: Final[dict[Op, str]] = {"insert": "INSERT", "update": "UPDATE", "delete": "DELETE"}

# The catalogue tells of a table that may not be used, too.
_COLUMNS: Final = """
SELECT attname, format_type(atttypid, atttypmod), has_column_privilege(pg_class.oid, attnum, 'SELECT'),
  has_column_privilege(pg_class.oid, attnum, 'INSERT'), has_column_privilege(pg_class.oid, attnum, 'UPDATE'),
  has_table_privilege(pg_class.oid, 'DELETE'), has_schema_privilege(relnamespace, 'USAGE'),
  attnum = ANY ((SELECT indkey FROM pg_index WHERE indrelid = pg_class.oid AND indisprimary)::int2[])
FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace JOIN pg_attribute ON attrelid = pg_class.oid
WHERE nspname = %s AND relname = %s AND attnum > 0 AND NOT attisdropped
"""


def faults(connection: Connection, table: RecordTable, fields: Sequence[str], ops: Collection[Op]) -> list[str]:
    """One sentence for each thing that is not as it has to be."""
    found = []
    if connection.info.server_version < OLDEST:
        found.append(f"PostgreSQL {connection.info.server_version // 10_000} is too old: it has to be 17 or newer.")
    return [*found, *_of_table(connection, table, fields, ops), *_of_receipts(connection, table.system)]


def _of_table(connection: Connection, table: RecordTable, fields: Sequence[str], ops: Collection[Op]) -> list[str]:
    columns = _columns(connection, table.system, table.name)
    if not columns:
        return [f"There is no table {table.full_name}."]
    if not next(iter(columns.values()))["USAGE"]:
        return [f"There is no right to use schema {table.system}."]
    found = []
    for name in (*columns_read(table, fields), ROW_VERSION):
        if name not in columns:
            found.append(f"{table.full_name} has no column {name}.")
            continue
        wanted = "bigint" if name == ROW_VERSION else TYPES[table.column(name).kind]
        if columns[name]["type"] != wanted:
            found.append(f"{table.full_name}.{name} is {columns[name]['type']}, {wanted} is declared.")
        found += [
            f"There is no right to {right} {table.full_name}.{name}."
            for right in _needed(table, name, ops)
            if not columns[name][right]
        ]
    if "delete" in ops and not next(iter(columns.values()))["DELETE"]:
        found.append(f"There is no right to DELETE of {table.full_name}.")
    key = {name for name, column in columns.items() if column["is_key"]}
    if key != set(table.key):
        found.append(f"The primary key of {table.full_name} is not {', '.join(table.key)}.")
    return found


def _needed(table: RecordTable, name: str, ops: Collection[Op]) -> list[str]:
    """Rights that a column needs."""
    if name == ROW_VERSION:
        return ["SELECT"]
    written = [op for op in ops if op == "insert" or (op == "update" and name not in table.key)]
    return ["SELECT", *(_RIGHTS[op] for op in sorted(written))]


def _of_receipts(connection: Connection, system: str) -> list[str]:
    columns = _columns(connection, system, RECEIPT_TABLE)
    if not columns:
        return [f"There is no table {system}.{RECEIPT_TABLE}."]
    missing = [right for right in ("SELECT", "INSERT") if not columns["token"][right]]
    missing += [] if columns["outcome"]["UPDATE"] else ["UPDATE"]
    return [f"There is no right to {right} {system}.{RECEIPT_TABLE}." for right in missing]


def _columns(connection: Connection, system: str, name: str) -> Mapping[str, Mapping[str, Any]]:
    names = ("type", "SELECT", "INSERT", "UPDATE", "DELETE", "USAGE", "is_key")
    rows = connection.execute(_COLUMNS, [system, name]).fetchall()
    return {row[0]: dict(zip(names, row[1:], strict=True)) for row in rows}
