"""Commits in doubt: the catalogue has committed, and its answer is lost on the way.

DuckLake takes a commit without an answer for a failed one, and removes the files of its transaction (duckdb-ducklake
1.5.5, `DuckLakeTransactionState::Commit`). The catalogue then names files that are gone. So a writer reaches the files
by a way that it gives up before each commit: what cannot be reached is not removed. Where the commit had failed after
all, the files are orphans, which `vaxel lake maintain` takes.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

import duckdb

from sinks.lake import storage

NOWHERE = "127.0.0.1:1"
"""A proxy that nobody serves: with it DuckDB reaches no object."""


class Way:
    """One connection's way to the lake's files: a link to their directory, or the network to their bucket."""

    def __init__(self) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix=f"vaxel-lake-{os.getpid()}-"))
        self._place: Path | None = None
        self._told = ""

    @property
    def _link(self) -> Path:
        return self._folder / "files"

    def to(self, place: str) -> str:
        """What the connection attaches instead of `place`, with OVERRIDE_DATA_PATH; the directory is made."""
        if storage.is_remote(place):
            return place
        self._told, self._place = place, Path(place).resolve()
        self._place.mkdir(parents=True, exist_ok=True)
        self._link.symlink_to(self._place)
        return str(self._link)

    def path(self, path: str) -> str:
        """What the connection calls a file that the catalogue calls so, in `filename` say."""
        if self._place is None or not Path(path).is_relative_to(self._told):
            return path
        return str(self._link / Path(path).relative_to(self._told))

    def commit(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Commits; files that are written stay, whatever becomes of it. A commit itself needs no file.

        Raises:
            duckdb.Error: the commit failed, or its outcome is not known.
        """
        if self._place is None:
            connection.execute(f"SET http_proxy = '{NOWHERE}'")
            try:
                connection.execute("COMMIT")
            finally:
                connection.execute("RESET http_proxy")
        else:
            self._link.unlink()
            try:
                connection.execute("COMMIT")
            finally:
                self._link.symlink_to(self._place)

    def close(self) -> None:
        """Takes the link away, and nothing behind it."""
        self._link.unlink(missing_ok=True)
        shutil.rmtree(self._folder, ignore_errors=True)
