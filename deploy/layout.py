"""What lies where in a data directory, and the lock that proves a keeper alive.

The lock (`flock` on `stack.lock`) is the only proof: the system drops it when its holder ends, however it ends, so
neither a left-over file nor a re-used process id can claim a stack that is gone.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from schemas.errors import OutsideError, UsageError

LEAST_FREE_BYTES = 1 << 30
"""Below this a start is refused: a broker or a database that runs out of disk half-way is worse."""


@dataclass(frozen=True)
class Layout:
    """Paths under one data directory, which is absolute."""

    data_dir: Path

    @property
    def lock(self) -> Path:
        """Locked by the keeper as long as it lives; holds its process id."""
        return self.data_dir / "stack.lock"

    @property
    def stack(self) -> Path:
        """Addresses of the running stack; written when both servers answer."""
        return self.data_dir / "stack.json"

    @property
    def error(self) -> Path:
        """Why the last keeper ended, if it did not end well."""
        return self.data_dir / "stack.error"

    @property
    def children(self) -> Path:
        """The servers that the keeper started, for the next keeper if this one is killed."""
        return self.data_dir / "children.json"

    @property
    def ports(self) -> Path:
        """The ports last used, so that clients find a restarted stack where it was."""
        return self.data_dir / "ports.json"

    @property
    def password(self) -> Path:
        """PostgreSQL's password, readable by the owner only."""
        return self.data_dir / "password"

    @property
    def kafka(self) -> Path:
        """Kafka's log directory."""
        return self.data_dir / "kafka"

    @property
    def postgres(self) -> Path:
        """PostgreSQL's data directory."""
        return self.data_dir / "postgres"

    @property
    def lake(self) -> Path:
        """Parquet files of the lake."""
        return self.data_dir / "lake"

    def log(self, name: str) -> Path:
        """One of the log files: keeper, kafka, kafka-out, kafka-format, postgres, initdb."""
        return self.data_dir / "logs" / f"{name}.log"


def layout_of(data_dir: Path) -> Layout:
    """The layout of a data directory that need not exist yet."""
    return Layout(Path(os.path.abspath(data_dir)))  # not resolve(): what the operator typed is what messages show


def create(layout: Layout, least_free_bytes: int = LEAST_FREE_BYTES) -> None:
    """Make the data directory, private to its owner, if it is not there.

    Raises:
        UsageError: its path has a comma, at which Kafka would cut it in two.
        OutsideError: it cannot be written, or its disk has less than `least_free_bytes` left.
    """
    if "," in str(layout.data_dir):
        raise UsageError(f"the data directory is {str(layout.data_dir)!r}: a path without a comma is accepted")
    advice = "choose another directory: --data-dir or VAXEL_DATA_DIR"
    try:
        layout.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        layout.log("keeper").parent.mkdir(exist_ok=True)
        layout.lake.mkdir(exist_ok=True)
        with layout.lock.open("ab"):
            pass
    except OSError as error:
        raise OutsideError(f"cannot write to {layout.data_dir}: {error.strerror}. To go on, {advice}") from error
    free_bytes = shutil.disk_usage(layout.data_dir).free
    if free_bytes < least_free_bytes:
        raise OutsideError(
            f"the disk of {layout.data_dir} has {free_bytes / 2**20:,.0f} MiB free, "
            f"{least_free_bytes / 2**20:,.0f} MiB are needed. Make room, or {advice}"
        )


def take_lock(layout: Layout) -> int | None:
    """An open file that holds the lock until it is closed or the process ends; None when another has it."""
    handle = os.open(layout.lock, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(handle)
        return None
    return handle


def holds(layout: Layout, handle: int) -> bool:
    """Whether an open file is still the lock that others look at; not so when the data directory was removed."""
    try:
        return os.path.samestat(os.fstat(handle), layout.lock.stat())
    except OSError:
        return False


def is_locked(layout: Layout) -> bool:
    """Whether a keeper lives. Asking takes a shared lock for a moment, so takers of the lock try more than once."""
    try:
        with layout.lock.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    except OSError as error:
        raise OutsideError(f"cannot read {layout.lock}: {error.strerror}") from error
    return False


def write_json(path: Path, content: Any) -> None:
    """Replace a file by this content, all or nothing, readable by the owner only."""
    aside = path.with_name(f".{path.name}.{os.getpid()}")
    with open(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        json.dump(content, file, indent=2)
    aside.replace(path)


def read_json(path: Path) -> Any:
    """The content of a file written by `write_json`; None when there is none."""
    try:
        return json.loads(path.read_text())
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise OutsideError(f"cannot read {path}: {error}. Remove it and retry") from error
