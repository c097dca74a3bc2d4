"""What a user does: types `vaxel ...` in a folder of his own, reads what it prints, presses Ctrl-C."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import psutil  # type: ignore[import-untyped]

from deploy import stack
from schemas.errors import OutsideError
from tests.conftest import missing

VAXEL = Path(sys.executable).with_name("vaxel")
ENDS_WITHIN_S = 180.0
"""Patience for anything that has to come about; far above what it takes on a machine with nothing else to do."""


@dataclass(frozen=True)
class Said:
    """What a command printed, and its exit code."""

    code: int
    out: str
    err: str


@dataclass(frozen=True)
class Terminal:
    """A folder; the data directory is `.vaxel` in it, as by default.

    Attributes:
        variables: VAXEL_* variables; none of those around this test are passed on.
    """

    folder: Path
    variables: Mapping[str, str] = field(default_factory=dict)

    @property
    def data_dir(self) -> Path:
        """Where the stack, the lake and the truth are."""
        return self.folder / ".vaxel"

    def types(self, *arguments: str | Path) -> Said:
        """Run `vaxel ARGUMENTS` to its end."""
        process = self.begins(*arguments)
        try:
            out, err = process.communicate(timeout=ENDS_WITHIN_S)
        finally:
            process.kill()
            process.wait()
        return Said(process.returncode, out, err)

    def begins(self, *arguments: str | Path, output: int | IO[str] = subprocess.PIPE) -> subprocess.Popen[str]:
        """Start `vaxel ARGUMENTS` as the leader of a process group of its own, as a shell does."""
        around = {name: value for name, value in os.environ.items() if not name.startswith("VAXEL_")}
        return subprocess.Popen(
            [VAXEL, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            text=True,
            cwd=self.folder,
            env={**around, "COLUMNS": "160", **self.variables},
            start_new_session=True,
        )

    def does(self, *arguments: str | Path) -> str:
        """What `vaxel ARGUMENTS` printed; it must succeed."""
        said = self.types(*arguments)
        assert said.code == 0, (arguments, said)
        return said.out

    def reports(self, *arguments: str | Path) -> Any:
        """What `vaxel ARGUMENTS --json` reported; it must succeed."""
        return json.loads(self.does(*arguments, "--json"))

    def asks(self, query: str) -> list[dict[str, Any]]:
        """The lake's answer to a query."""
        rows: list[dict[str, Any]] = json.loads(self.does("sql", "--format", "json", query))
        return rows

    def verifies(self) -> dict[str, Any]:
        """The verdict, whether clean or not."""
        said = self.types("verify", "--json")
        assert said.code in (0, 1), said
        verdict: dict[str, Any] = json.loads(said.out)
        return verdict


FAULTS = ("lost", "twice", "misjudged", "sessions_wrong", "sums_wrong", "record_rows_wrong", "usage_wrong")


def faults(verdict: Mapping[str, Any]) -> dict[str, int]:
    """Whatever is not 0 and should be."""
    return {kind: verdict[kind] for kind in FAULTS if verdict[kind]}


@contextmanager
def running_stack(folder: Path) -> Iterator[Terminal]:
    """A terminal whose stack is up; it goes down with this process, also when that is killed."""
    terminal = Terminal(folder)
    try:
        stack.up(terminal.data_dir, bound=True)
    except OutsideError as error:
        missing(f"no local stack: {error}")
    try:
        yield terminal
    finally:
        stack.down(terminal.data_dir)


def wait_until(is_so: Callable[[], bool], what: str, look_every_s: float = 0.05) -> None:
    """Look again and again."""
    deadline_s = time.monotonic() + ENDS_WITHIN_S
    while not is_so():
        assert time.monotonic() < deadline_s, f"not in {ENDS_WITHIN_S:.0f} s: {what}"
        time.sleep(look_every_s)


def has_ended(process: psutil.Process) -> bool:
    """Gone, or a zombie that only waits for its exit code to be read."""
    try:
        return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True
