"""Turns raw readings of old days into hours: the hours come and the readings go in one transaction a day."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date

import duckdb

from schemas.hours import SHOE, WASHER, Figure, rolled
from schemas.lake import READING_HOURS_SHOE, READING_HOURS_WASHER, READINGS_SHOE, READINGS_WASHER, Table
from schemas.retention import DAY_MS
from sinks.lake import crash_points
from sinks.lake.connection import LAKE
from sinks.lake.files import LakeFile
from sinks.lake.retention import in_day, instant


@dataclass(frozen=True)
class Way:
    """From which table to which, and how."""

    readings: Table
    hours: Table
    figures: Sequence[Figure]


WAYS = (
    Way(READINGS_WASHER, READING_HOURS_WASHER, WASHER),
    Way(READINGS_SHOE, READING_HOURS_SHOE, SHOE),
)


def before_ms(now_ms: int, after_days: int) -> int:
    """Begin of the first day (UTC) that is not rolled up yet: whole days only, so that no hour is cut.

    >>> before_ms(10 * DAY_MS + 1, 2) == 8 * DAY_MS
    True
    """
    return (now_ms // DAY_MS - after_days) * DAY_MS


def days(connection: duckdb.DuckDBPyConnection, way: Way, end_ms: int) -> Iterator[tuple[date, int]]:
    """Days before that instant of which there are raw readings, and how many, oldest first."""
    yield from connection.execute(
        f'SELECT measured_at::DATE AS day, count(*) FROM "{way.readings.name}" '
        f"WHERE measured_at < {instant(end_ms)} GROUP BY day ORDER BY day"
    ).fetchall()


def rolled_days(connection: duckdb.DuckDBPyConnection, table: str) -> list[date]:
    """Days of which that table's readings are hours, ascending; readings that came late may still be there as such.

    None for a table that is never rolled up, or where the lake has no hours yet.
    """
    hours = next((way.hours.name for way in WAYS if way.readings.name == table), None)
    there = "SELECT count(*) FROM duckdb_tables() WHERE database_name = ? AND table_name = ?"
    if hours is None or connection.execute(there, [LAKE, hours]).fetchone() == (0,):
        return []
    rows = connection.execute(f'SELECT DISTINCT hour_at::DATE AS day FROM "{hours}" ORDER BY day').fetchall()
    return [day for (day,) in rows]


def lies_on(file: LakeFile, day: date) -> bool:
    """Whether a file of readings may have some of that day, by what the catalogue knows of it."""
    known = file.bounds.get(READINGS_WASHER.by_day)
    if known is None or known.least is None or known.greatest is None:
        return True
    return known.least[:10] <= day.isoformat() <= known.greatest[:10]


def roll_up(connection: duckdb.DuckDBPyConnection, way: Way, day: date) -> int:
    """Does one day in the transaction that is open; returns the readings that went."""
    condition = in_day("measured_at", day)
    connection.execute(f'INSERT INTO "{way.hours.name}" BY NAME {rolled(way.readings.name, way.figures, condition)}')
    crash_points.reached("maintain.hours-inserted")
    row = connection.execute(f'DELETE FROM "{way.readings.name}" WHERE {condition}').fetchone()
    crash_points.reached("maintain.readings-deleted")
    assert row is not None
    return int(row[0])
