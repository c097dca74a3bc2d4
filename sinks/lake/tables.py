"""Adds what `schemas.lake` declares and the lake lacks: tables, columns, comments, views. Never drops anything."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import duckdb
import psycopg

from schemas.errors import OutsideError, UnreachableError
from schemas.forms import columns, duckdb_columns
from schemas.lake import Table, meaning, meanings
from schemas.views import VIEWS, View
from sinks.lake.connection import ANSWER_WITHIN_S, LAKE

_LOCK = 0x7661_7865_6C01
"""Key of the PostgreSQL advisory lock: two sinks that start at once would otherwise both add the same rows."""
_LOCK_WAIT = "SET lock_timeout = '60s'"


@contextmanager
def only_one(catalog: str) -> Iterator[None]:
    """Holds, while inside, the one lock under which tables and positions are added.

    Raises:
        UnreachableError: the catalogue does not answer, or another sink holds the lock for over a minute.
    """
    try:
        connection = psycopg.connect(catalog, autocommit=True, connect_timeout=ANSWER_WITHIN_S)
        connection.execute(_LOCK_WAIT)
        connection.execute("SELECT pg_advisory_lock(%s)", [_LOCK])
    except psycopg.OperationalError as error:
        raise UnreachableError(
            f"Cannot reach the lake's catalogue, or another sink is starting: {' '.join(str(error).split())}"
        ) from error
    with connection:
        yield


def prepare(connection: duckdb.DuckDBPyConnection, tables: Sequence[Table]) -> None:
    """Adds what is missing. Nothing changes, and no snapshot is made, when the lake is as declared.

    Call it inside `only_one`.

    Raises:
        OutsideError: a column of the lake has another type than the contract.
    """
    found = columns_in_lake(connection)
    connection.execute("BEGIN")
    for table in tables:
        if table.name not in found:
            connection.execute(f'CREATE TABLE "{table.name}" ({duckdb_columns(table.contract)})')
            _arrange(connection, table)
            _comment(connection, f'TABLE "{table.name}"', table.meaning)
            for name, told in meanings(table.contract).items():
                _comment(connection, f'COLUMN "{table.name}"."{name}"', str(told))
        else:
            _add_columns(connection, table, found[table.name])
    for view in VIEWS:
        _replace(connection, view)
    connection.execute("COMMIT")


def columns_in_lake(connection: duckdb.DuckDBPyConnection) -> dict[str, dict[str, str]]:
    """DuckDB type of each column of each table and view, by names."""
    rows = connection.execute(
        "SELECT table_name, column_name, data_type FROM duckdb_columns() WHERE database_name = ? ORDER BY column_index",
        [LAKE],
    ).fetchall()
    found: dict[str, dict[str, str]] = {}
    for table, column, kind in rows:
        found.setdefault(table, {})[column] = kind
    return found


def _arrange(connection: duckdb.DuckDBPyConnection, table: Table) -> None:
    """Parts the table's files by day, and sorts what is in them, as declared. Files that are there stay as they are."""
    if table.by_day:
        parts = ", ".join(f'{unit}("{table.by_day}")' for unit in ("year", "month", "day"))
        connection.execute(f'ALTER TABLE "{table.name}" SET PARTITIONED BY ({parts})')
    if table.sorted_by:
        order = ", ".join(f'"{name}" ASC' for name in table.sorted_by)
        connection.execute(f'ALTER TABLE "{table.name}" SET SORTED BY ({order})')


def _add_columns(connection: duckdb.DuckDBPyConnection, table: Table, found: dict[str, str]) -> None:
    """A released contract only gains optional fields; they become columns that are null in older rows."""
    for column, declared in zip(columns(table.contract), duckdb_columns(table.contract).split(", "), strict=True):
        kind = declared.split(" ", 1)[1]
        if column.lake_name not in found:
            connection.execute(f'ALTER TABLE "{table.name}" ADD COLUMN {declared}')
            _comment(connection, f'COLUMN "{table.name}"."{column.lake_name}"', str(meaning(column)))
        elif found[column.lake_name] != kind:
            raise OutsideError(
                f"Cannot write into lake table {table.name!r}: column {column.lake_name!r} is "
                f"{found[column.lake_name]} there and {kind} in the contract. A changed type needs a new table."
            )


def _replace(connection: duckdb.DuckDBPyConnection, view: View) -> None:
    connection.execute(f'CREATE OR REPLACE TEMP VIEW "{view.name}_declared" AS {view.query}')
    stored = connection.execute(
        "SELECT view_name, sql FROM duckdb_views() WHERE view_name = ? AND database_name = ? "
        "UNION ALL SELECT view_name, sql FROM duckdb_views() WHERE view_name = ? AND temporary",
        [view.name, LAKE, f"{view.name}_declared"],
    ).fetchall()
    if len({sql.split(" AS ", 1)[1] for _, sql in stored}) == 1 and len(stored) == 2:
        return
    connection.execute(f'CREATE OR REPLACE VIEW "{view.name}" AS {view.query}')
    _comment(connection, f'VIEW "{view.name}"', view.meaning)


def _comment(connection: duckdb.DuckDBPyConnection, what: str, text: str) -> None:
    connection.execute(f"COMMENT ON {what} IS '{text.replace(chr(39), chr(39) * 2)}'")
