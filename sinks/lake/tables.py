"""Adds what `schemas.lake` and `schemas.views` declare and the lake lacks: tables, columns, comments, views, options.

Nothing is dropped but a column whose values have moved to the one that took its place.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager

import duckdb
import psycopg

from schemas.errors import OutsideError, UnreachableError
from schemas.forms import Column, columns, duckdb_columns
from schemas.lake import SINK_POSITION, Table, meaning, meanings
from schemas.views import VIEWS, View
from sinks.lake import crash_points
from sinks.lake.connection import LAKE, lasting
from sinks.lake.doubt import Way

_LOCK = 0x7661_7865_6C01
"""Key of the PostgreSQL advisory lock: two sinks that start at once would otherwise both add the same rows."""
_LOCK_WAIT = "SET lock_timeout = '10s'"
"""Whoever waits is told to stop only afterwards; a sink then tries again."""
OPTIONS = {
    # A third less than snappy for the same time; see docs/decisions.md.
    "parquet_compression": "zstd",
    # DuckDB writes the rest of every 524,288 rows of a parted table as a group of its own: with its default of 122,880
    # a fifth of them had fewer than 100,000 rows. Threads work across groups, so they are no larger.
    "parquet_row_group_size": "245760",
}
"""How files are written, where nobody has set the lake's option otherwise."""
POSITIONS_INLINED = "100000"
"""Most positions that an insert leaves in the catalogue: where they are read from and moved all the time, so that none
but a flush makes a file of them. 264 of them are written in 60 ms."""
_CATALOGUE = f"__ducklake_metadata_{LAKE}"
_ARRANGED = f"""
SELECT table_name,
       table_id IN (SELECT table_id FROM {_CATALOGUE}.ducklake_partition_info WHERE end_snapshot IS NULL),
       table_id IN (SELECT table_id FROM {_CATALOGUE}.ducklake_sort_info WHERE end_snapshot IS NULL)
FROM {_CATALOGUE}.ducklake_table WHERE end_snapshot IS NULL
"""


@contextmanager
def only_one(catalog: str) -> Iterator[None]:
    """Holds, while inside, the one lock under which tables and positions are added.

    Raises:
        UnreachableError: the catalogue does not answer, or another sink holds the lock for over ten seconds.
    """
    try:
        connection = psycopg.connect(lasting(catalog), autocommit=True)
        connection.execute(_LOCK_WAIT)
        connection.execute("SELECT pg_advisory_lock(%s)", [_LOCK])
    except psycopg.OperationalError as error:
        raise UnreachableError(
            f"Cannot reach the lake's catalogue, or another sink is starting: {' '.join(str(error).split())}"
        ) from error
    with connection:
        yield


def prepare(connection: duckdb.DuckDBPyConnection, tables: Sequence[Table], way: Way) -> None:
    """Adds what is missing. Nothing changes, and no snapshot is made, when the lake is as declared.

    Three transactions, since DuckLake alters no table into which the same one has put few rows: 1 tables, columns and
    views, and whoever is at work reads bounds of columns anew that have another type, 2 values into columns that take
    the place of others, 3 those others go. Killed between, the next call does the rest. Call it inside `only_one`.

    Args:
        way: Of the connection to the files.
    Raises:
        OutsideError: a column of the lake has another type than the contract.
    """
    _set_options(connection)
    found = columns_in_lake(connection)
    arranged = {name: (is_parted, is_sorted) for name, is_parted, is_sorted in connection.sql(_ARRANGED).fetchall()}
    # 1 tables, columns and views
    connection.execute("BEGIN")
    for table in tables:
        _create_or_extend(connection, table, found.get(table.name))
        _arrange(connection, table, *arranged.get(table.name, (False, False)))
    for view in VIEWS:
        _replace(connection, view)
    # In this transaction, for the next call would not know of it any more.
    for table in tables:
        if "TIMESTAMP_MS" in found.get(table.name, {}).values():
            _have_bounds_read_again(connection, table)
    crash_points.reached("prepare.in-transaction")
    way.commit(connection)
    crash_points.reached("prepare.tables-added")
    _leave_positions_in_catalogue(connection)
    crash_points.reached("prepare.positions-inlined")
    # 2 values into columns that take the place of others
    old = [(table, column) for table in tables for column in _replaced(table, found.get(table.name, {}))]
    connection.execute("BEGIN")
    for table, column in old:
        connection.execute(f'UPDATE "{table.name}" SET "{column.lake_name}" = epoch_ms("{column.name}")')
    crash_points.reached("prepare.values-in-transaction")
    way.commit(connection)
    crash_points.reached("prepare.values-moved")
    # 3 those others go
    connection.execute("BEGIN")
    for table, column in old:
        connection.execute(f'ALTER TABLE "{table.name}" DROP COLUMN "{column.name}"')
    crash_points.reached("prepare.old-columns-in-transaction")
    way.commit(connection)
    crash_points.reached("prepare.old-columns-gone")


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


def _set_options(connection: duckdb.DuckDBPyConnection) -> None:
    """Sets what is not set yet; it makes no snapshot. Files that are there stay as they are."""
    there = {name for (name,) in connection.sql(f"SELECT option_name FROM ducklake_options('{LAKE}')").fetchall()}
    for name in OPTIONS.keys() - there:
        connection.execute(f"CALL {LAKE}.set_option('{name}', '{OPTIONS[name]}')")


def _leave_positions_in_catalogue(connection: duckdb.DuckDBPyConnection) -> None:
    option, table = "data_inlining_row_limit", f"main.{SINK_POSITION.name}"
    there = connection.execute(
        f"SELECT 1 FROM ducklake_options('{LAKE}') WHERE option_name = ? AND scope_entry = ?", [option, table]
    ).fetchall()
    if not there and SINK_POSITION.name in columns_in_lake(connection):
        connection.execute(
            f"CALL {LAKE}.set_option('{option}', '{POSITIONS_INLINED}', table_name => '{SINK_POSITION.name}')"
        )


def _create_or_extend(connection: duckdb.DuckDBPyConnection, table: Table, found: dict[str, str] | None) -> None:
    if found is not None:
        _add_columns(connection, table, found)
        return
    connection.execute(f'CREATE TABLE "{table.name}" ({duckdb_columns(table.contract)})')
    _comment(connection, f'TABLE "{table.name}"', table.meaning)
    for name, told in meanings(table.contract).items():
        _comment(connection, f'COLUMN "{table.name}"."{name}"', str(told))


def _arrange(connection: duckdb.DuckDBPyConnection, table: Table, is_parted: bool, is_sorted: bool) -> None:
    """Parts the table's files by day, and sorts what is in them, as declared. Files that are there stay as they are.

    What somebody has arranged otherwise stays too; to say the same again would make a snapshot each time.
    """
    if table.by_day and not is_parted:
        parts = ", ".join(f'{unit}("{table.by_day}")' for unit in ("year", "month", "day"))
        connection.execute(f'ALTER TABLE "{table.name}" SET PARTITIONED BY ({parts})')
    if table.sorted_by and not is_sorted:
        order = ", ".join(f'"{name}" ASC' for name in table.sorted_by)
        connection.execute(f'ALTER TABLE "{table.name}" SET SORTED BY ({order})')


def _add_columns(connection: duckdb.DuckDBPyConnection, table: Table, found: dict[str, str]) -> None:
    """A released contract only gains optional fields; they become columns that are null in older rows.

    Instants that an older release kept as TIMESTAMP_MS become timestamps.
    """
    for column, declared in zip(columns(table.contract), duckdb_columns(table.contract).split(", "), strict=True):
        kind = declared.split(" ", 1)[1]
        if column.lake_name not in found:
            connection.execute(f'ALTER TABLE "{table.name}" ADD COLUMN {declared}')
            _comment(connection, f'COLUMN "{table.name}"."{column.lake_name}"', str(meaning(column)))
        elif found[column.lake_name] == "TIMESTAMP_MS" and kind == "TIMESTAMP":
            connection.execute(f'ALTER TABLE "{table.name}" ALTER COLUMN "{column.lake_name}" SET DATA TYPE TIMESTAMP')
        elif found[column.lake_name] != kind:
            raise OutsideError(
                f"Cannot write into lake table {table.name!r}: column {column.lake_name!r} is "
                f"{found[column.lake_name]} there and {kind} in the contract. A changed type needs a new table."
            )


def _replaced(table: Table, found: Collection[str]) -> list[Column]:
    """Instants that an older release kept as milliseconds, under the contract's own name."""
    return [column for column in columns(table.contract) if column.lake_name != column.name in found]


def _have_bounds_read_again(connection: duckdb.DuckDBPyConnection, table: Table) -> None:
    """Puts a row in and takes it out. Nothing else makes connections at work read a table's bounds from the catalogue.

    They keep those of milliseconds, take them for microseconds, and find no row (duckdb-ducklake 1.5.5).
    """
    names = [column.lake_name for column in columns(table.contract)]
    connection.execute(f'INSERT INTO "{table.name}" ("{names[0]}") VALUES (NULL)')
    is_empty = " AND ".join(f'"{name}" IS NULL' for name in names)
    connection.execute(f'DELETE FROM "{table.name}" WHERE {is_empty}')


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
