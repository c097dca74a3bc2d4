"""Every file that the catalogue names, as it says they are. Read from DuckLake's own tables (format 1.0)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

import psycopg
from psycopg import sql
from psycopg.rows import dict_row

from sinks.lake.connection import ANSWER_WITHIN_S, answering

Kind = Literal["data", "delete"]
"""data: rows of a table; delete: which rows of a data file count no more."""


@dataclass(frozen=True)
class ColumnBounds:
    """What the catalogue says of one column in one file. None: it does not say."""

    nulls: int | None
    least: str | None
    greatest: str | None


@dataclass(frozen=True)
class LakeFile:
    """One Parquet file.

    Attributes:
        since: First snapshot that needs it.
        until: First snapshot that needs it no more; None: the newest does.
        newest: Youngest snapshot whose rows are in it; a merged file holds rows of several.
        data_file_id: Of a file of deletions, the file that they are of; of any other, its own.
        row_count: As it was written.
        deleted: Rows of it that count no more.
        bounds: By column, as far as the catalogue has any; of a file of deletions, those of the file that they are of.
    """

    file_id: int
    kind: Kind
    table: str
    path: str
    since: int
    until: int | None
    newest: int
    row_count: int
    deleted: int
    size_bytes: int
    footer_bytes: int
    bounds: Mapping[str, ColumnBounds]
    data_file_id: int

    @property
    def is_current(self) -> bool:
        """Whether a reader of the newest snapshot opens it: a file of which all rows are deleted is passed by."""
        return self.until is None and (self.kind == "delete" or self.live_rows > 0)

    @property
    def live_rows(self) -> int:
        """Rows that a reader of the newest snapshot gets out of it."""
        return self.row_count - self.deleted


@contextmanager
def catalogue(address: str) -> Iterator[psycopg.Connection[dict[str, Any]]]:
    """A connection to the catalogue's database; what was done is committed when left.

    Raises:
        UnreachableError: it does not answer.
    """
    with (
        answering(address),
        psycopg.connect(address, connect_timeout=ANSWER_WITHIN_S, row_factory=dict_row) as connection,
    ):
        yield connection


def needed(connection: psycopg.Connection[dict[str, Any]], *, by_all_snapshots: bool = False) -> list[LakeFile]:
    """Files that the newest snapshot needs, or any that is kept; in the order in which they were written.

    A file of which all rows are deleted stays listed in the catalogue until maintenance passes, and so may the list of
    the deletions: no reader opens them.
    """
    current = "" if by_all_snapshots else "WHERE files.end_snapshot IS NULL"
    found = connection.execute(_FILES.format(current=current)).fetchall()
    bounds = _bounds(connection, by_all_snapshots=by_all_snapshots)
    inlined = _deleted_in_catalogue(connection)
    files = [
        LakeFile(
            file_id=row["file_id"],
            kind=row["kind"],
            table=row["table_name"],
            path=row["path"],
            since=row["begin_snapshot"],
            until=row["end_snapshot"],
            newest=row["newest"],
            row_count=row["row_count"],
            deleted=row["deleted"] + inlined.get(row["file_id"], 0),
            size_bytes=row["file_size_bytes"],
            footer_bytes=row["footer_size"],
            bounds=bounds.get(row["data_file_id"], {}),
            data_file_id=row["data_file_id"],
        )
        for row in found
    ]
    if by_all_snapshots:
        return files
    opened = {file.file_id for file in files if file.kind == "data" and file.is_current}
    return [file for file in files if file.data_file_id in opened]


def all_paths(connection: psycopg.Connection[dict[str, Any]]) -> set[str]:
    """Paths of all files that the catalogue knows, those that wait for their removal too."""
    return {row["path"] for row in connection.execute(PATHS).fetchall()}


def next_file(connection: psycopg.Connection[dict[str, Any]]) -> int:
    """Number of the file that is written next; numbers only grow."""
    row = connection.execute("SELECT next_file_id FROM ducklake_snapshot ORDER BY snapshot_id DESC LIMIT 1").fetchone()
    return 0 if row is None else int(row["next_file_id"])


def written_since(connection: psycopg.Connection[dict[str, Any]], first_file: int) -> dict[int, str]:
    """Paths of the files with that number or a younger one that the newest snapshot needs, by number."""
    rows = connection.execute(_WRITTEN_SINCE, [first_file, first_file]).fetchall()
    return {row["file_id"]: row["path"] for row in rows}


def _bounds(
    connection: psycopg.Connection[dict[str, Any]], *, by_all_snapshots: bool
) -> dict[int, dict[str, ColumnBounds]]:
    found: dict[int, dict[str, ColumnBounds]] = {}
    for row in connection.execute(_BOUNDS, [by_all_snapshots]).fetchall():
        column = ColumnBounds(row["null_count"], row["min_value"], row["max_value"])
        found.setdefault(row["data_file_id"], {})[row["column_name"]] = column
    return found


def _deleted_in_catalogue(connection: psycopg.Connection[dict[str, Any]]) -> dict[int, int]:
    """Rows of each file that are deleted by a row in the catalogue, not by a file."""
    names = connection.execute(
        "SELECT table_name FROM information_schema.tables WHERE table_schema = current_schema() "
        "AND table_name ~ '^ducklake_inlined_delete_[0-9]+$'"
    ).fetchall()
    found: dict[int, int] = {}
    for name in names:
        query = sql.SQL("SELECT file_id, count(*) AS deleted FROM {} GROUP BY file_id")
        for row in connection.execute(query.format(sql.Identifier(name["table_name"]))).fetchall():
            found[row["file_id"]] = found.get(row["file_id"], 0) + row["deleted"]
    return found


_DATA_PATH = "(SELECT value FROM ducklake_metadata WHERE key = 'data_path')"
_WHOLE_PATH = f"""
CASE WHEN NOT files.path_is_relative THEN files.path
     WHEN NOT tables.path_is_relative THEN tables.path || files.path
     WHEN NOT schemas.path_is_relative THEN schemas.path || tables.path || files.path
     ELSE {_DATA_PATH} || schemas.path || tables.path || files.path END
"""
# A table that was renamed has several rows with one id.
_OF_TABLE = """
JOIN (SELECT DISTINCT ON (table_id) * FROM ducklake_table ORDER BY table_id, begin_snapshot DESC) AS tables
  USING (table_id)
JOIN (SELECT DISTINCT ON (schema_id) * FROM ducklake_schema ORDER BY schema_id, begin_snapshot DESC) AS schemas
  USING (schema_id)
"""
_FILES = f"""
SELECT files.data_file_id AS file_id, files.data_file_id, 'data' AS kind, tables.table_name, {_WHOLE_PATH} AS path,
       files.begin_snapshot, files.end_snapshot,
       greatest(files.begin_snapshot, coalesce(files.partial_max, 0)) AS newest,
       files.record_count AS row_count, files.file_size_bytes, files.footer_size,
       coalesce(lists.deleted, 0)::BIGINT AS deleted
FROM ducklake_data_file AS files {_OF_TABLE}
LEFT JOIN (SELECT data_file_id, sum(delete_count) AS deleted FROM ducklake_delete_file WHERE end_snapshot IS NULL
           GROUP BY data_file_id) AS lists ON lists.data_file_id = files.data_file_id
{{current}}
UNION ALL
SELECT files.delete_file_id, files.data_file_id, 'delete', tables.table_name, {_WHOLE_PATH},
       files.begin_snapshot, least(files.end_snapshot, owners.end_snapshot),
       greatest(files.begin_snapshot, coalesce(files.partial_max, 0)), files.delete_count, files.file_size_bytes,
       files.footer_size, 0
FROM ducklake_delete_file AS files {_OF_TABLE}
-- The list of a file that has ended has, too, though the catalogue may not say so.
LEFT JOIN (SELECT data_file_id, end_snapshot FROM ducklake_data_file) AS owners
  ON owners.data_file_id = files.data_file_id
{{current}}
ORDER BY file_id
"""
_WRITTEN_SINCE = f"""
SELECT files.data_file_id AS file_id, {_WHOLE_PATH} AS path FROM ducklake_data_file AS files {_OF_TABLE}
WHERE files.data_file_id >= %s AND files.end_snapshot IS NULL
UNION ALL
SELECT files.delete_file_id, {_WHOLE_PATH} FROM ducklake_delete_file AS files {_OF_TABLE}
WHERE files.delete_file_id >= %s AND files.end_snapshot IS NULL
"""
PATHS = f"""
SELECT {_WHOLE_PATH} AS path FROM ducklake_data_file AS files {_OF_TABLE}
UNION ALL SELECT {_WHOLE_PATH} FROM ducklake_delete_file AS files {_OF_TABLE}
UNION ALL SELECT CASE WHEN path_is_relative THEN {_DATA_PATH} || path ELSE path END
          FROM ducklake_files_scheduled_for_deletion
"""
# Nested columns have bounds too, of their parts: only whole columns are asked for.
_BOUNDS = """
SELECT stats.data_file_id, columns.column_name, stats.null_count, stats.min_value, stats.max_value
FROM ducklake_file_column_stats AS stats
JOIN ducklake_data_file AS files USING (data_file_id)
JOIN (SELECT DISTINCT ON (table_id, column_id) * FROM ducklake_column ORDER BY table_id, column_id, begin_snapshot DESC)
  AS columns ON columns.table_id = files.table_id AND columns.column_id = stats.column_id
WHERE columns.parent_column IS NULL AND (%s OR files.end_snapshot IS NULL)
"""
