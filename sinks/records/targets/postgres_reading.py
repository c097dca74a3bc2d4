"""Rows of a record table as Arrow, by way of COPY and CSV."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa
from psycopg import sql
from pyarrow import csv

from schemas.errors import OutsideError
from schemas.records import RecordTable
from sinks.records.targets.copy_text import copy_lines
from sinks.records.targets.postgres_session import Connection, copy_out
from sinks.records.targets.target import ROW_VERSION, columns_read
from sinks.records.values import Key

_BLOCK_BYTES = 16 << 20
"""A row may not be longer."""


def read_all(connection: Connection, table: RecordTable, fields: Sequence[str]) -> pa.Table:
    """Key, fields and row version of all rows."""
    names = columns_read(table, fields)
    query = sql.SQL("SELECT {columns} FROM {table}").format(
        columns=sql.SQL(", ").join(map(sql.Identifier, (*names, ROW_VERSION))), table=place(table)
    )
    return _copied(connection, table, names, query)


def read_some(connection: Connection, table: RecordTable, fields: Sequence[str], keys: Sequence[Key]) -> pa.Table:
    """Key, fields and row version of the rows with these keys, each once."""
    names = columns_read(table, fields)
    key = sql.SQL(", ").join(map(sql.Identifier, table.key))
    lines = copy_lines(zip(*dict.fromkeys(keys), strict=True))
    query = sql.SQL("SELECT {columns} FROM {table} AS target JOIN pg_temp.asked USING ({key})").format(
        columns=sql.SQL(", ").join(map(sql.Identifier, (*names, ROW_VERSION))), table=place(table), key=key
    )
    with connection.transaction(), connection.cursor() as cursor:
        cursor.execute(
            sql.SQL("CREATE TEMPORARY TABLE asked ON COMMIT DROP AS SELECT {key} FROM {table} WITH NO DATA").format(
                key=key, table=place(table)
            )
        )
        with cursor.copy("COPY pg_temp.asked FROM STDIN") as copy:
            copy.write(lines)
        cursor.execute("ANALYZE pg_temp.asked")
        return _copied(connection, table, names, query)


def place(table: RecordTable) -> sql.Composable:
    return sql.Identifier(table.system, table.name)


def _copied(connection: Connection, table: RecordTable, names: tuple[str, ...], query: sql.Composable) -> pa.Table:
    copy = sql.SQL("COPY ({query}) TO STDOUT (FORMAT csv)").format(query=query).as_string(connection)
    schema = table.arrow_schema(names).append(pa.field(ROW_VERSION, pa.int64()))
    data = copy_out(connection, copy)
    if not data:
        return schema.empty_table()
    try:
        return csv.read_csv(
            pa.BufferReader(data),
            csv.ReadOptions(column_names=schema.names, block_size=_BLOCK_BYTES),
            csv.ParseOptions(newlines_in_values=True),
            # An empty text is quoted, a null is not.
            csv.ConvertOptions(
                column_types=schema, strings_can_be_null=True, quoted_strings_can_be_null=False, null_values=[""]
            ),
        )
    except pa.ArrowInvalid as error:  # its text quotes the value
        raise OutsideError(f"{table.full_name} holds a value that is not of its column's declared type.") from error
