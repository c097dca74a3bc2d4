"""How much the lake holds, by table, as its catalogue tells: no file is opened.

In:         a PostgreSQL catalogue.
Out:        rows, files and bytes of each table, and the span of the snapshots.
Guarantee:  one state of the catalogue; nothing is changed.
On failure: raises an UnreachableError.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import LiteralString

import psycopg
from psycopg import sql

from sinks.lake.connection import ANSWER_WITHIN_S, answering
from sinks.lake.expiry import Snapshot

LARGE_BYTES = 512 * 1024 * 1024
"""DuckLake's target size of a file: larger ones are not merged."""


@dataclass(frozen=True)
class Extent:
    """What one table holds.

    Attributes:
        rows: Those that a reader sees, inlined ones too.
        files: Parquet files of the rows that a reader sees.
        smallest_bytes: Of these files; None without any. So for `median_bytes`.
        deleted_rows: Rows that these files still hold, though deleted.
        inlined_rows: Rows that wait in the catalogue to become a file.
        small_files: Of these files, those of one day of which one could be made; the one is not counted.
        old_files: Files that only older snapshots need.
    """

    rows: int
    files: int
    bytes: int
    smallest_bytes: int | None
    median_bytes: int | None
    deleted_rows: int
    inlined_rows: int
    old_files: int
    old_bytes: int
    small_files: int = 0


@dataclass(frozen=True)
class Holding:
    """What the lake holds: its tables by name, its snapshots, and what waits to be removed.

    Attributes:
        scheduled_files: Files that no snapshot needs, kept a while for whoever reads them still.
        unsettled_ms: Since when the first of them waits that a transaction open in the catalogue may still read, ms
            since 1970 UTC; None: none is. By what the transaction can see, not by a clock.
        settled_snapshot: The newest snapshot that every transaction sees that is open.
        oldest_open_ms: Begin of the oldest of them, ms since 1970 UTC; None: none is open.
        oldest_scheduled_ms: Since when the first of `scheduled_files` waits, ms since 1970 UTC; None: there is none.
        first_ended: Number of the first snapshot that did without a file that older ones need; None: none did.
    """

    tables: dict[str, Extent]
    snapshots: list[Snapshot]
    scheduled_files: int
    unsettled_ms: int | None
    settled_snapshot: int
    oldest_open_ms: int | None
    oldest_scheduled_ms: int | None = None
    first_ended: int | None = None

    @property
    def files(self) -> int:
        """All files that the tables' snapshots need."""
        return sum(extent.files + extent.old_files for extent in self.tables.values())

    @property
    def bytes(self) -> int:
        """The size of these files."""
        return sum(extent.bytes + extent.old_bytes for extent in self.tables.values())


def holding(catalog: str) -> Holding:
    """What the lake holds now.

    Raises:
        UnreachableError: the catalogue does not answer.
    """
    with answering(catalog), psycopg.connect(catalog, connect_timeout=ANSWER_WITHIN_S) as connection:
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        inlined = {
            int(table): _inlined(connection, int(table), parts)
            for table, parts in connection.execute(_INLINED).fetchall()
        }
        small: dict[int, Decimal] = dict(connection.execute(_SMALL, [LARGE_BYTES]).fetchall())
        tables = {}
        for number, name, rows, files, size, smallest, median, deleted, old_files, old_bytes in connection.execute(
            _TABLES
        ).fetchall():
            waiting, deleted_inlined = inlined.get(number, (0, 0))
            tables[name] = Extent(
                int(rows) - int(deleted) - deleted_inlined + waiting,
                int(files),
                int(size),
                _whole(smallest),
                _whole(median),
                int(deleted) + deleted_inlined,
                waiting,
                int(old_files),
                int(old_bytes),
                int(small.get(number, 0)),
            )
        snapshots = [(int(number), int(time_ms)) for number, time_ms in connection.execute(_SNAPSHOTS).fetchall()]
        row = connection.execute(_OPEN).fetchone()
    assert row is not None
    scheduled, unsettled_ms, settled_snapshot, oldest_open_ms, oldest_scheduled_ms, first_ended = row
    return Holding(
        tables,
        snapshots,
        int(scheduled),
        _whole(unsettled_ms),
        int(settled_snapshot),
        _whole(oldest_open_ms),
        _whole(oldest_scheduled_ms),
        _whole(first_ended),
    )


def _whole(value: Decimal | int | None) -> int | None:
    return None if value is None else int(value)


def _inlined(connection: psycopg.Connection, table: int, parts: list[str]) -> tuple[int, int]:
    """Rows of the table that wait in the catalogue, and deletions there of rows in its files."""
    waiting = sum(_count(connection, part, "end_snapshot IS NULL") for part in parts)
    deletions = f"ducklake_inlined_delete_{table}"
    found = connection.execute("SELECT to_regclass(%s) IS NOT NULL", [deletions]).fetchone()
    # Deletions stay listed for time travel after their file was rewritten.
    of_files = "file_id IN (SELECT data_file_id FROM ducklake_data_file WHERE end_snapshot IS NULL)"
    return waiting, _count(connection, deletions, of_files) if found is not None and found[0] else 0


def _count(connection: psycopg.Connection, table: str, condition: LiteralString) -> int:
    query = sql.SQL("SELECT count(*) FROM {} WHERE {}").format(sql.Identifier(table), sql.SQL(condition))
    row = connection.execute(query).fetchone()
    assert row is not None
    return int(row[0])


_SMALL = """
SELECT table_id, sum(files - 1) FROM (
    SELECT table_id, count(*) AS files FROM (
        SELECT d.table_id, d.data_file_id, array_agg(p.partition_value ORDER BY p.partition_key_index) AS day
        FROM ducklake_data_file AS d LEFT JOIN ducklake_file_partition_value AS p USING (data_file_id)
        WHERE d.end_snapshot IS NULL AND d.file_size_bytes < %s
        GROUP BY d.table_id, d.data_file_id
    ) AS of_day GROUP BY table_id, day
) AS beside GROUP BY table_id
"""
_INLINED = "SELECT table_id, array_agg(table_name) FROM ducklake_inlined_data_tables GROUP BY table_id"
_SNAPSHOTS = """
SELECT snapshot_id, floor(extract(epoch FROM snapshot_time::timestamptz) * 1000) FROM ducklake_snapshot
"""
_OPEN = """
WITH open AS (
    -- DuckLake's transactions keep one of PostgreSQL's open. Rows younger than its oldest one running it cannot see.
    SELECT coalesce(max(age(backend_xmin)), -1) AS sees_from_age, min(xact_start) AS oldest FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'
)
SELECT (SELECT count(*) FROM ducklake_files_scheduled_for_deletion),
       (SELECT floor(extract(epoch FROM min(schedule_start::timestamptz)) * 1000)
        FROM ducklake_files_scheduled_for_deletion AS f WHERE age(f.xmin) <= sees_from_age),
       (SELECT coalesce(max(snapshot_id), 0) FROM ducklake_snapshot AS s WHERE age(s.xmin) > sees_from_age),
       floor(extract(epoch FROM oldest) * 1000),
       (SELECT floor(extract(epoch FROM min(schedule_start::timestamptz)) * 1000)
        FROM ducklake_files_scheduled_for_deletion),
       (SELECT min(end_snapshot) FROM (
            SELECT end_snapshot FROM ducklake_data_file UNION ALL SELECT end_snapshot FROM ducklake_delete_file
        ) AS files)
FROM open
"""
_TABLES = """
SELECT t.table_id, t.table_name,
       coalesce(sum(d.record_count) FILTER (WHERE is_live), 0),
       count(*) FILTER (WHERE is_live),
       coalesce(sum(size) FILTER (WHERE is_live), 0),
       min(file_size_bytes) FILTER (WHERE is_live),
       percentile_disc(0.5) WITHIN GROUP (ORDER BY file_size_bytes) FILTER (WHERE is_live),
       coalesce(sum(deleted) FILTER (WHERE is_live), 0),
       count(*) FILTER (WHERE NOT is_live) + coalesce(sum(old_delete_files), 0),
       coalesce(sum(size) FILTER (WHERE NOT is_live), 0) + coalesce(sum(old_delete_bytes), 0)
FROM ducklake_table AS t
LEFT JOIN (
    SELECT d.table_id, d.record_count, d.file_size_bytes, d.end_snapshot IS NULL AS is_live,
           d.file_size_bytes + coalesce(e.live_bytes, 0) AS size, e.deleted, e.old_delete_files, e.old_delete_bytes
    FROM ducklake_data_file AS d
    LEFT JOIN (
        SELECT data_file_id,
               sum(delete_count) FILTER (WHERE end_snapshot IS NULL) AS deleted,
               sum(file_size_bytes) FILTER (WHERE end_snapshot IS NULL) AS live_bytes,
               count(*) FILTER (WHERE end_snapshot IS NOT NULL) AS old_delete_files,
               sum(file_size_bytes) FILTER (WHERE end_snapshot IS NOT NULL) AS old_delete_bytes
        FROM ducklake_delete_file GROUP BY data_file_id
    ) AS e USING (data_file_id)
) AS d USING (table_id)
WHERE t.end_snapshot IS NULL
GROUP BY t.table_id, t.table_name
ORDER BY t.table_name
"""
