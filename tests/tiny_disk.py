"""A file system of a few megabytes, to be filled up: what a full disk does cannot be had any other way."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from tests.conftest import missing

BLOCK_BYTES = 4096


@dataclass(frozen=True)
class TinyDisk:
    """Where it is mounted."""

    folder: Path

    @property
    def _filler(self) -> Path:
        return self.folder / "filler"

    def fill(self) -> None:
        """Takes every block that is left."""
        with suppress(OSError), self._filler.open("ab", buffering=0) as file:
            while True:
                file.write(bytes(BLOCK_BYTES))

    def free(self) -> None:
        """Gives back what `fill` took."""
        self._filler.unlink()


@contextmanager
def tiny_disk(folder: Path, megabytes: int) -> Iterator[TinyDisk]:
    """A tmpfs of this size at `folder`, gone when left. Mounting takes root, or sudo that asks nothing."""
    folder.mkdir()
    as_root = () if os.geteuid() == 0 else ("sudo", "-n")
    options = f"size={megabytes}m,mode=0700,uid={os.getuid()},gid={os.getgid()}"
    try:
        subprocess.run(
            [*as_root, "mount", "-t", "tmpfs", "-o", options, "tmpfs", folder],
            check=True,
            capture_output=True,
            text=True,
        )
    except (OSError, subprocess.CalledProcessError) as error:
        missing(f"no tiny disk, since mounting is not allowed here: {getattr(error, 'stderr', None) or error}")
    try:
        yield TinyDisk(folder)
    finally:
        subprocess.run([*as_root, "umount", "--lazy", folder], check=True)
