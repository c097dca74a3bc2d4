"""What a killed keeper, or a machine that was switched off, left behind."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil  # type: ignore[import-untyped]
import pytest

from deploy.children import end_leftovers
from deploy.layout import write_json
from deploy.postgres import forget_stale_lock


@pytest.fixture
def sleeper() -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]) as process:
        yield process
        process.kill()


@pytest.mark.parametrize(("clock_stepped_s", "is_ended"), [(0.0, True), (1.5, True), (-1.5, True), (30.0, False)])
def test_a_leftover_is_told_from_a_later_process_of_its_number_also_after_a_small_step_of_the_clock(
    tmp_path: Path, sleeper: subprocess.Popen[bytes], clock_stepped_s: float, is_ended: bool
) -> None:
    born = psutil.Process(sleeper.pid).create_time() + clock_stepped_s
    row = {"name": "sleeper", "pid": sleeper.pid, "born": born, "stop_signal": int(signal.SIGTERM)}
    write_json(tmp_path / "children.json", [row])
    end_leftovers(tmp_path / "children.json")
    assert (sleeper.poll() is not None) == is_ended
    assert not (tmp_path / "children.json").exists()


def test_a_lock_of_postgresql_that_names_another_program_is_forgotten(
    tmp_path: Path, sleeper: subprocess.Popen[bytes]
) -> None:
    lock = tmp_path / "postmaster.pid"
    lock.write_text(f"{sleeper.pid}\n{tmp_path}\n")
    forget_stale_lock(tmp_path)
    assert not lock.exists()


@pytest.mark.parametrize("content", ["", "no number\n", f"{2**22 + 1}\n"], ids=["empty", "text", "ended"])
def test_a_lock_that_names_no_running_program_is_left_to_postgresql(tmp_path: Path, content: str) -> None:
    lock = tmp_path / "postmaster.pid"
    lock.write_text(content)
    forget_stale_lock(tmp_path)
    assert lock.read_text() == content


def test_the_lock_of_a_postgresql_of_this_directory_is_kept(tmp_path: Path) -> None:
    program = tmp_path / "postgres"
    program.symlink_to("/bin/sleep")
    lock = tmp_path / "postmaster.pid"
    with subprocess.Popen([program, "60"], cwd=tmp_path) as server:
        lock.write_text(f"{server.pid}\n")
        forget_stale_lock(tmp_path)
        server.kill()
    assert lock.exists()
