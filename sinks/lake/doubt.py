"""Commits in doubt: the catalogue has committed, and its answer is lost on the way.

DuckLake takes a commit without an answer for a failed one, and removes the files of its transaction (duckdb-ducklake
1.5.5, `DuckLakeTransactionState::Commit`). The catalogue then names files that are gone. So a writer reaches the files
by a way that it gives up before each commit: what cannot be reached is not removed. Where the commit had failed after
all, the files are orphans, which `vaxel lake maintain` takes.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import duckdb

from schemas.errors import UnreachableError
from sinks.lake import storage

NOWHERE = "127.0.0.1:1"
"""A proxy that nobody serves: with it DuckDB reaches no object."""


class Way:
    """One connection's way to the lake's files: a link to their directory, or the network to their bucket.

    The link lies in a hidden directory beside the lake's, where nothing that tidies `/tmp` comes by.
    """

    def __init__(self) -> None:
        self._folder: Path | None = None
        self._held = -1
        self._place: Path | None = None
        self._told = ""

    @property
    def _link(self) -> Path:
        assert self._folder is not None
        return self._folder / "files"

    def to(self, place: str) -> str:
        """What the connection attaches instead of `place`, with OVERRIDE_DATA_PATH; the directory is made.

        Raises:
            UnreachableError: it cannot be made.
        """
        if storage.is_remote(place):
            return place
        with _linking(place):
            self._told, self._place = place, Path(place).resolve()
            self._place.mkdir(parents=True, exist_ok=True)
            _remove_left(self._place)
            self._folder, self._held = _new_folder(self._place)
            self._link.symlink_to(self._place)
        return str(self._link)

    def path(self, path: str) -> str:
        """What the connection calls a file that the catalogue calls so, in `filename` say."""
        if self._place is None or not Path(path).is_relative_to(self._told):
            return path
        return str(self._link / Path(path).relative_to(self._told))

    def open(self) -> None:
        """Makes the link again where somebody has taken it away.

        Raises:
            UnreachableError: it cannot be made.
        """
        if self._place is None or self._folder is None or self._link.is_symlink():
            return
        with _linking(self._told):
            self._folder.mkdir(mode=0o700, exist_ok=True)
            self._link.symlink_to(self._place)

    def commit(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Commits; files that are written stay, whatever becomes of it. A commit itself needs no file.

        Raises:
            duckdb.Error: the commit failed, or its outcome is not known.
            UnreachableError: the way cannot be given up, and nothing was committed; or not be made again, after it.
        """
        if self._place is None:
            connection.execute(f"SET http_proxy = '{NOWHERE}'")
            try:
                connection.execute("COMMIT")
            finally:
                connection.execute("RESET http_proxy")
        else:
            with _linking(self._told):
                self._link.unlink(missing_ok=True)
            try:
                connection.execute("COMMIT")
            finally:
                self.open()

    def close(self) -> None:
        """Takes the link away, and nothing behind it."""
        if self._folder is not None:
            _remove(self._folder)
            with suppress(OSError):
                os.close(self._held)
            self._folder = None


def _prefix(place: Path) -> str:
    return f".{place.name}-way-"


def _new_folder(place: Path) -> tuple[Path, int]:
    """A folder, and what holds it until this process ends, however it does: by that others know whose folder is left.

    Beside the lake's; where nothing may be written there (it is a disk of its own, say), among temporary files.
    """
    prefix = f"{_prefix(place)}{os.getpid()}-"
    while True:
        try:
            folder = Path(tempfile.mkdtemp(prefix=prefix, dir=place.parent))
        except OSError:
            folder = Path(tempfile.mkdtemp(prefix=prefix))
        with suppress(FileNotFoundError):
            held = os.open(folder, os.O_RDONLY)
            with suppress(OSError):  # some network file systems lock no directory; there none is taken for left
                fcntl.flock(held, fcntl.LOCK_EX)
            if folder.exists():
                return folder, held
            os.close(held)
        # Another process took it for left before it was held.


def _remove_left(place: Path) -> None:
    """Takes away what killed processes left."""
    for folder in (*place.parent.glob(f"{_prefix(place)}*"), *Path(tempfile.gettempdir()).glob(f"{_prefix(place)}*")):
        with suppress(OSError):
            held = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
            try:
                fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
                _remove(folder)
            finally:
                os.close(held)


def _remove(folder: Path) -> None:
    with suppress(OSError):
        (folder / "files").unlink(missing_ok=True)
    shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _linking(place: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise UnreachableError(
            f"Cannot make the way to the lake's files at {place!r}: {error.strerror}: {error.filename!r}."
        ) from error
