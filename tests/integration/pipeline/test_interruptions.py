"""Nothing that Kafka acknowledged is lost, and nothing counts twice, however and whenever processes are stopped.

Each test publishes a load, interrupts whoever works on it while part of it is in the lake, runs again, and verifies.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from functools import partial
from random import Random

import duckdb
import psutil  # type: ignore[import-untyped]
import pyarrow.parquet as pq
import pytest

from schemas.truth import RECORDS_FILE
from tests.integration.pipeline.terminal import Said, Terminal, faults, has_ended, running_stack, wait_until
from vaxel.progress import lake_counts, lake_if_made
from vaxel.settings import addresses

pytestmark = [pytest.mark.kafka, pytest.mark.postgres]

LOAD = ("simulate", "--json", "--washers", "100", "--shoes", "100", "--corrupt", "0.02", "--duplicated", "0.02")
UPLOADS_PER_S = "300"


@pytest.fixture(scope="module")
def terminal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Terminal]:
    with running_stack(tmp_path_factory.mktemp("interruptions")) as terminal:
        yield terminal


class Lake:
    """How many uploads the lake has an outcome for."""

    def __init__(self, terminal: Terminal) -> None:
        self._addresses = addresses({}, terminal.data_dir)
        self._lake: duckdb.DuckDBPyConnection | None = None

    def uploads(self) -> int:
        if self._lake is None:  # opening takes most of a second
            self._lake = lake_if_made(self._addresses)
        return 0 if self._lake is None else lake_counts(self._lake).uploads

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


def stopped_by(process: subprocess.Popen[str], send: Callable[[int, int], None], number: int) -> Said:
    """The last words of a command that is interrupted; no child is left of it."""
    started = children(process)
    send(process.pid, number)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130, (out, err)
    assert [child for child in started if not has_ended(child)] == []
    return Said(130, out, err)


def stopped_by_ctrl_c(process: subprocess.Popen[str]) -> Said:
    """The last words of a command that gets what a terminal sends on Ctrl-C: the signal to it and its children."""
    return stopped_by(process, os.killpg, signal.SIGINT)


def _is_replaced(process: subprocess.Popen[str], words: tuple[str, ...], victim: psutil.Process) -> bool:
    return child(process, *words) not in (None, victim)


def test_ctrl_c_at_any_time_loses_nothing(terminal: Terminal, lake: Lake) -> None:
    moments = Random(3)
    with begun(terminal, *LOAD, "--seed", "21", "--rate", UPLOADS_PER_S) as simulate:
        for send, number in ((os.killpg, signal.SIGINT), (os.kill, signal.SIGINT), (os.kill, signal.SIGTERM)):
            with begun(terminal, "run", "--json") as run:
                lake.wait_until_it_grows()
                time.sleep(moments.uniform(0, 1.5))
                assert stopped_by(run, send, number).err == ""
        with begun(terminal, "run", "--json") as run:  # while its children still start
            time.sleep(moments.uniform(0.3, 2))
            assert stopped_by_ctrl_c(run).err == ""
        told = json.loads(stopped_by_ctrl_c(simulate).out)
    assert told["interrupted"]
    assert (
        told["acknowledged"]
        == told["sent"]
        == pq.read_metadata(terminal.folder / told["truth"] / RECORDS_FILE).num_rows
    )
    assert 0 < lake.uploads() < told["acknowledged"]
    terminal.does("run", "--until-idle")
    verdict = terminal.verifies()
    assert not faults(verdict), verdict
    assert verdict["sent"] == told["acknowledged"]


def test_processes_killed_outright_lose_nothing(terminal: Terminal, lake: Lake) -> None:
    before = lake.uploads()
    with begun(terminal, *LOAD, "--seed", "22", "--rate", UPLOADS_PER_S) as simulate:
        with begun(terminal, "run", "--json") as run:
            lake.wait_until_it_grows()
            started = children(run)
            run.kill()
            wait_until(lambda: all(map(has_ended, started)), "no child outlives `vaxel run`")
        assert len(started) == 3  # two workers, one sink
        with begun(terminal, "run", "--json") as run:
            lake.wait_until_it_grows()
            for words in (("worker", "--slot", "0"), ("sink", "lake")):
                victim = child(run, *words)
                assert victim is not None
                victim.kill()
                wait_until(partial(_is_replaced, run, words, victim), f"another {words[0]}")
                lake.wait_until_it_grows()
            said = stopped_by_ctrl_c(run).err.splitlines()
        told = json.loads(stopped_by_ctrl_c(simulate).out)
    assert [line.split(": ")[1] for line in said] == [
        "worker-0 ended with signal SIGKILL",
        "sink-lake ended with signal SIGKILL",
    ]
    assert 0 < lake.uploads() < before + told["acknowledged"]
    terminal.does("run", "--until-idle")
    verdict = terminal.verifies()
    assert not faults(verdict), verdict
    assert verdict["sent"] == before + told["acknowledged"]
