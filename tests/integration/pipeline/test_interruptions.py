"""Nothing that Kafka acknowledged is lost, and nothing counts twice, however and whenever processes are stopped.

A load is published, whoever works on it is interrupted again and again while part of it is in the lake, and verified.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from random import Random

import duckdb
import psutil  # type: ignore[import-untyped]
import pyarrow.parquet as pq
import pytest

from schemas.truth import RECORDS_FILE
from tests.integration.pipeline.terminal import Said, Terminal, faults, has_ended, running_stack, wait_until
from vaxel.progress import lake_if_made
from vaxel.settings import addresses

pytestmark = [pytest.mark.kafka, pytest.mark.postgres]

LOAD = ("simulate", "--json", "--rate", "300", "--washers", "150", "--shoes", "150", "--fault", "truncated=0.02")
"""Takes minutes to its end, which nobody waits for."""


@pytest.fixture(scope="module")
def terminal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Terminal]:
    with running_stack(tmp_path_factory.mktemp("interruptions")) as terminal:
        yield terminal


class Lake:
    """How many uploads the lake has a receipt for."""

    def __init__(self, terminal: Terminal) -> None:
        self._addresses = addresses({}, terminal.data_dir)
        self._lake: duckdb.DuckDBPyConnection | None = None

    def uploads(self) -> int:
        if self._lake is None:  # opening takes most of a second
            self._lake = lake_if_made(self._addresses)
        if self._lake is None:
            return 0
        found = self._lake.execute("select count(*) from uploads").fetchone()
        assert found is not None
        return int(found[0])

    def wait_until_it_grows(self) -> None:
        """Return when more has just come in."""
        before = self.uploads()
        wait_until(lambda: self.uploads() > before, "more uploads in the lake", look_every_s=0.3)

    def close(self) -> None:
        if self._lake is not None:
            self._lake.close()


@pytest.fixture
def lake(terminal: Terminal) -> Iterator[Lake]:
    with closing(Lake(terminal)) as lake:
        yield lake


@contextmanager
def begun(terminal: Terminal, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """A command under way; nothing of it is left afterwards."""
    process = terminal.begins(*arguments)
    try:
        yield process
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def children(process: subprocess.Popen[str]) -> list[psutil.Process]:
    found: list[psutil.Process] = psutil.Process(process.pid).children(recursive=True)
    return found


def child(process: subprocess.Popen[str], *words: str) -> psutil.Process | None:
    """The child with these words on its command line."""
    for found in children(process):
        with suppress(psutil.Error):
            if set(words) <= set(found.cmdline()):
                return found
    return None


def interrupt(process: subprocess.Popen[str], send: Callable[[int, int], None], number: int) -> Said:
    """The last words of a command that gets a signal; no child outlives it."""
    started = children(process)
    send(process.pid, number)
    out, err = process.communicate(timeout=60)
    wait_until(lambda: all(map(has_ended, started)), "no child outlives the command")
    return Said(process.returncode, out, err)


def press_ctrl_c(process: subprocess.Popen[str]) -> Said:
    """As a terminal does: the signal goes to the command and to its children."""
    return interrupt(process, os.killpg, signal.SIGINT)


def kill_and_wait_for_another(process: subprocess.Popen[str], *words: str) -> None:
    """Kill the child with these words on its command line."""
    victim = child(process, *words)
    assert victim is not None
    victim.kill()
    wait_until(lambda: child(process, *words) not in (None, victim), f"another {words[0]}")


def test_whatever_is_stopped_and_whenever_nothing_is_lost_or_twice(terminal: Terminal, lake: Lake) -> None:
    moments = Random(3)
    ways = [(os.killpg, signal.SIGINT, 130), (os.kill, signal.SIGTERM, 130), (os.kill, signal.SIGKILL, -signal.SIGKILL)]
    with begun(terminal, *LOAD) as simulate:
        for send, number, code in ways:
            with begun(terminal, "run", "--json") as run:
                lake.wait_until_it_grows()
                time.sleep(moments.uniform(0, 1.5))
                said = interrupt(run, send, number)
                assert (said.code, said.err) == (code, "")
        with begun(terminal, "run", "--json") as run:  # while it or its children still start
            time.sleep(moments.uniform(0.5, 2.5))
            assert press_ctrl_c(run).code == 130
        with begun(terminal, "run", "--json") as run:
            lake.wait_until_it_grows()
            for victim in (("worker", "--slot", "0"), ("sink", "lake")):
                kill_and_wait_for_another(run, *victim)
                lake.wait_until_it_grows()
            said = interrupt(run, os.kill, signal.SIGINT)
            assert said.code == 130
            assert [line.split(": ")[1] for line in said.err.splitlines()] == [
                "worker-0 ended with signal SIGKILL",
                "sink-lake ended with signal SIGKILL",
            ]
        told = json.loads(press_ctrl_c(simulate).out)
    assert told["interrupted"]
    assert told["acknowledged"] == told["sent"]
    assert pq.read_metadata(terminal.folder / told["truth"] / RECORDS_FILE).num_rows == told["acknowledged"]
    assert 0 < lake.uploads() < told["acknowledged"]

    terminal.does("run", "--until-idle")
    verdict = terminal.verifies()
    assert not faults(verdict), verdict
    assert verdict["sent"] == told["acknowledged"]
