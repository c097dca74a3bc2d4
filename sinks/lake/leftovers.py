"""Removes files that nobody needs: those of snapshots that have gone, and those that never belonged to one."""

from __future__ import annotations

from dataclasses import dataclass

import duckdb

from schemas.errors import OutsideError
from sinks.lake.connection import LAKE
from sinks.lake.retention import instant


@dataclass(frozen=True)
class Removed:
    """Files that are gone, or would be, and their size."""

    files: int
    bytes: int


def old(lake: duckdb.DuckDBPyConnection, before_ms: int) -> list[str]:
    """Files whose last snapshot went before that instant."""
    return _paths(lake, "ducklake_cleanup_old_files", before_ms, dry_run=True)


def orphans(lake: duckdb.DuckDBPyConnection, before_ms: int) -> list[str]:
    """Parquet files below the lake's that no snapshot has ever needed, last written before that instant.

    Killed or refused transactions leave them. Other files are nobody's business.

    Raises:
        OutsideError: a file that the lake needs is among them. That has happened to others (duckdb/ducklake issue 815).
    """
    found = _paths(lake, "ducklake_delete_orphaned_files", before_ms, dry_run=True)
    needed = _needed(lake) if found else set()
    wrong = sorted(needed.intersection(found))
    if wrong:
        raise OutsideError(
            f"DuckLake takes {len(wrong)} files that the lake needs for orphans, {wrong[0]!r} for one. None is removed."
        )
    return found


def remove_old(lake: duckdb.DuckDBPyConnection, before_ms: int) -> Removed:
    """Removes what `old` lists. A file that is gone already counts too: a run that was killed had removed it."""
    size = sizes(lake, old(lake, before_ms))
    return Removed(len(_paths(lake, "ducklake_cleanup_old_files", before_ms, dry_run=False)), size)


def remove_orphans(lake: duckdb.DuckDBPyConnection, before_ms: int) -> Removed:
    """Removes what `orphans` lists.

    Raises:
        OutsideError: see `orphans`.
    """
    size = sizes(lake, orphans(lake, before_ms))
    return Removed(len(_paths(lake, "ducklake_delete_orphaned_files", before_ms, dry_run=False)), size)


def sizes(lake: duckdb.DuckDBPyConnection, paths: list[str]) -> int:
    """Bytes that these files take; nothing of them is read."""
    if not paths:
        return 0
    row = lake.execute(
        "SELECT coalesce(sum(size), 0) FROM read_blob(?) WHERE filename IN (SELECT unnest(?))",
        [_everything(lake), paths],
    ).fetchone()
    assert row is not None
    return int(row[0])


def youngest_ms(lake: duckdb.DuckDBPyConnection) -> int:
    """When the youngest file was written, by the clock of where the files are, to the second; 0 without any."""
    row = lake.execute(
        "SELECT coalesce(epoch_ms(max(last_modified)), 0) FROM read_blob(?)", [_everything(lake)]
    ).fetchone()
    assert row is not None
    return int(row[0])


def _everything(lake: duckdb.DuckDBPyConnection) -> str:
    """Pattern of all files below the lake's place."""
    row = lake.execute(
        f"SELECT value FROM __ducklake_metadata_{LAKE}.ducklake_metadata WHERE key = 'data_path'"
    ).fetchone()
    assert row is not None
    return f"{row[0]}**"


def _paths(lake: duckdb.DuckDBPyConnection, function: str, before_ms: int, *, dry_run: bool) -> list[str]:
    called = f"CALL {function}('{LAKE}', older_than => {instant(before_ms)}::TIMESTAMPTZ, dry_run => {dry_run})"
    return [str(path) for (path,) in lake.execute(called).fetchall()]


def _needed(lake: duckdb.DuckDBPyConnection) -> set[str]:
    """Files of the newest snapshot, as DuckLake's readers find them."""
    tables = lake.execute("SELECT table_name FROM duckdb_tables() WHERE database_name = ?", [LAKE]).fetchall()
    return {
        str(path)
        for (table,) in tables
        for row in lake.execute(
            f"SELECT data_file, delete_file FROM ducklake_list_files('{LAKE}', '{table}')"
        ).fetchall()
        for path in row
        if path is not None
    }
