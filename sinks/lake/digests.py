"""A digest of each Parquet file, kept in the catalogue's database beside DuckLake's own tables.

DuckDB writes no checksums into its files, and a page that was changed often still decompresses: of 971 bytes flipped
one at a time in a small file, 643 gave readers other values without a word. Files are never changed after they were
written, so one SHA-256 of all bytes finds whatever happens to them later. It says nothing about the time before it was
taken: the sooner after the commit, the better.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import duckdb
import psycopg

from sinks.lake.files import PATHS, written_since
from sinks.lake.storage import is_remote

_MAKE = """
CREATE TABLE IF NOT EXISTS vaxel_file_digest (
  path text PRIMARY KEY, sha256 text NOT NULL, taken_at timestamptz NOT NULL DEFAULT now()
)
"""


def make(connection: psycopg.Connection[dict[str, Any]]) -> None:
    """Adds the table of digests where there is none."""
    connection.execute(_MAKE)


def known(connection: psycopg.Connection[dict[str, Any]]) -> dict[str, str]:
    """Digest of each file that has one, by path."""
    connection.execute(_MAKE)
    return {row["path"]: row["sha256"] for row in connection.execute("SELECT path, sha256 FROM vaxel_file_digest")}


def keep(connection: psycopg.Connection[dict[str, Any]], digests: Mapping[str, str]) -> None:
    """Keeps digests of files that have none; one that is there already stays."""
    make(connection)
    _keep(connection, digests)


def _keep(connection: psycopg.Connection[dict[str, Any]], digests: Mapping[str, str]) -> None:
    with connection.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO vaxel_file_digest (path, sha256) VALUES (%s, %s) ON CONFLICT DO NOTHING", list(digests.items())
        )


def take(connection: psycopg.Connection[dict[str, Any]], first_file: int) -> int:
    """Takes the digests of files that were just written, from that number on; returns the number behind the last one.

    The table is there (`make`). Nobody looks at the files' values, and only those in a directory of this machine are
    read. Those that have a digest keep it; one that cannot be read gets none: `check` tells of it.
    """
    written = written_since(connection, first_file)
    if not written:
        return first_file
    asked = connection.execute("SELECT path FROM vaxel_file_digest WHERE path = ANY (%s)", [list(written.values())])
    taken = {row["path"] for row in asked}
    found = {}
    for path in written.values():
        if path not in taken and not is_remote(path):
            with suppress(OSError):
                found[path] = _of_file(path)
    _keep(connection, found)
    return max(written) + 1


def forget(connection: psycopg.Connection[dict[str, Any]]) -> None:
    """Drops the digests of files that the catalogue no longer knows."""
    connection.execute(_MAKE)
    connection.execute(f"DELETE FROM vaxel_file_digest WHERE path NOT IN ({PATHS})")


def digest(reader: duckdb.DuckDBPyConnection, path: str) -> str:
    """SHA-256 of the file, in hex.

    Raises:
        OSError: it cannot be read. From elsewhere than this machine's directories: duckdb.Error.
    """
    if not is_remote(path):
        return _of_file(path)
    row = reader.execute("SELECT sha256(content) FROM read_blob(?)", [path]).fetchone()
    assert row is not None, "read_blob raises where there is no file"
    return str(row[0])


def _of_file(path: str) -> str:
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
