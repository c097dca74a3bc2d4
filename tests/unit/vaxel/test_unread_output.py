"""A reader that has had enough of a command's output, as `head -1` has, is no error."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import typer

from vaxel.__main__ import run

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize("command", [["schema", "list"], ["--help"], ["gearbox", "--help"]])
def test_whatever_the_command_it_ends_quietly(command: list[str]) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    try:
        done = subprocess.run(
            [sys.executable, "-m", "vaxel", *command], cwd=ROOT, stdout=writer, stderr=subprocess.PIPE, check=False
        )
    finally:
        os.close(writer)
    assert (done.returncode, done.stderr) == (0, b"")


def test_a_command_that_ends_by_itself_keeps_its_exit_code(monkeypatch: pytest.MonkeyPatch) -> None:
    def ends(_: typer.Typer) -> None:
        raise SystemExit(7)

    monkeypatch.setattr("vaxel.__main__._command", ends)
    with pytest.raises(SystemExit, match="7"):
        run(["schema"])
