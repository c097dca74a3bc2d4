"""Adding rows to record systems as whoever sets them up: what is there stays as it is."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from psycopg import sql

from schemas.records import RecordTable
from sinks.records.database import Connection
from sinks.records.values import Value

Row = tuple[Value, ...]


def add(connection: Connection, table: RecordTable, columns: str, rows: Iterable[Row]) -> int:
    """Number of rows added; those whose key is there already stay as they are.

    Args:
        columns: Names of the columns of `rows`, with blanks between them.
    """
    names = columns.split()
    statement = sql.SQL("INSERT INTO {table} ({columns}) VALUES ({values}) ON CONFLICT DO NOTHING").format(
        table=sql.Identifier(table.system, table.name),
        columns=sql.SQL(", ").join(map(sql.Identifier, names)),
        values=sql.SQL(", ").join([sql.Placeholder()] * len(names)),
    )
    with connection.cursor() as cursor:
        cursor.executemany(statement, rows)
        return max(cursor.rowcount, 0)


def each(connection: Connection, statement: str, rows: Sequence[Row]) -> int:
    """Number of rows that the statement, run with each of these, changed."""
    with connection.cursor() as cursor:
        cursor.executemany(statement.encode(), rows)
        return max(cursor.rowcount, 0)
