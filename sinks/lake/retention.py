"""Removes from tables what their policy no longer lets stay, one day of a parted table a transaction.

DuckLake lets no transaction delete from a table that another one has inserted into meanwhile. A day at a time is short
enough to fit between two commits of a sink.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

import duckdb

from schemas.lake import TABLES
from schemas.retention import Removal

_PARTED = frozenset(table.name for table in TABLES if table.by_day)


@dataclass(frozen=True)
class Part:
    """A removal, or that piece of it that is one transaction: all, or where `by` lies in [from, to)."""

    removal: Removal
    condition: str


def parts(connection: duckdb.DuckDBPyConnection, removal: Removal) -> Iterator[Part]:
    """The transactions in which the removal is done, oldest day first; none when there is nothing to remove."""
    condition = condition_of(removal)
    if removal.table not in _PARTED:
        if count(connection, Part(removal, condition)):
            yield Part(removal, condition)
        return
    days = connection.execute(
        f'SELECT DISTINCT "{removal.by}"::DATE AS day FROM "{removal.table}" WHERE {condition} ORDER BY day'
    ).fetchall()
    for (day,) in days:
        yield Part(removal, f"{condition} AND {in_day(removal.by, day)}")


def count(connection: duckdb.DuckDBPyConnection, part: Part) -> int:
    """Rows that the part takes, or of which it takes values."""
    row = connection.execute(f'SELECT count(*) FROM "{part.removal.table}" WHERE {part.condition}').fetchone()
    assert row is not None
    return int(row[0])


def remove(connection: duckdb.DuckDBPyConnection, part: Part) -> int:
    """Does it in the transaction that is open; returns the rows."""
    removal = part.removal
    if removal.columns:
        nulls = ", ".join(f'"{name}" = NULL' for name in removal.columns)
        statement = f'UPDATE "{removal.table}" SET {nulls} WHERE {part.condition}'
    else:
        statement = f'DELETE FROM "{removal.table}" WHERE {part.condition}'
    row = connection.execute(statement).fetchone()
    assert row is not None
    return int(row[0])


def told(removal: Removal) -> str:
    """What goes, in words."""
    return f"{removal.data_class}: " + (
        f"rows without {', '.join(removal.columns)}" if removal.columns else "rows gone"
    )


def condition_of(removal: Removal) -> str:
    """SQL condition of the rows that it takes."""
    told = [f'"{removal.by}" < {instant(removal.before_ms)}']
    if removal.condition:
        told.append(f"({removal.condition})")
    if removal.columns:
        told.append("(" + " OR ".join(f'"{name}" IS NOT NULL' for name in removal.columns) + ")")
    return " AND ".join(told)


def in_day(column: str, day: date) -> str:
    """SQL condition of rows of that day (UTC)."""
    return f"\"{column}\" >= TIMESTAMP '{day}' AND \"{column}\" < TIMESTAMP '{day + timedelta(days=1)}'"


def instant(time_ms: int) -> str:
    """The instant as SQL, however long ago or ahead."""
    told = datetime.fromtimestamp(0, UTC) + timedelta(milliseconds=time_ms)
    return f"TIMESTAMP '{told:%Y-%m-%d %H:%M:%S}.{told.microsecond // 1000:03d}'"
