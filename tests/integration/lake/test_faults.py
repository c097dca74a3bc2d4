"""Killed, or cut off: every row once."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event, Thread

import psycopg
import pytest

from schemas.errors import VaxelError
from sinks.lake.crash_points import POINTS, VARIABLE
from tests.integration.lake.conftest import ROOT, ROWS_IN_A_FRAME, Lake, wait_for

pytestmark = [pytest.mark.kafka, pytest.mark.postgres]

COUNTS = "SELECT count(*), count(DISTINCT seq), min(seq), max(seq) FROM readings_washer"
FRAMES = 20


def exactly(rows: int) -> list[tuple[int, int, int, int]]:
    return [(rows, rows, 0, rows - 1)]


def stopped(process: subprocess.Popen[bytes]) -> int:
    process.send_signal(signal.SIGTERM)
    return process.wait(30)


@contextmanager
def running(lake: Lake, **more: object) -> Iterator[list[VaxelError]]:
    """A sink in a thread of its own; the list has its error once it has one."""
    stop, errors = Event(), list[VaxelError]()

    def work() -> None:
        try:
            lake.sink(10**9, stop=stop, **more)
        except VaxelError as error:
            errors.append(error)

    thread = Thread(target=work)
    thread.start()
    try:
        yield errors
    finally:
        stop.set()
        thread.join(30)
    assert not thread.is_alive()


@pytest.mark.parametrize("point", POINTS)
def test_killed_between_two_steps_every_row_is_stored_once(lake: Lake, point: str) -> None:
    lake.produce(range(FRAMES))
    assert lake.start(**{VARIABLE: point}).wait(60) == -signal.SIGKILL
    again = lake.start()
    wait_for(lambda: lake.lag() == 0)
    assert stopped(again) == 0
    assert lake.ask(COUNTS) == exactly(FRAMES * ROWS_IN_A_FRAME)


def test_killed_at_any_time_every_row_is_stored_once(lake: Lake) -> None:
    for turn in range(3):
        sink = lake.start()
        lake.produce(range(turn * FRAMES, (turn + 1) * FRAMES))
        time.sleep(0.8 + 0.3 * turn)
        sink.kill()
        sink.wait()
    last = lake.start()
    # The killed ones may have stored everything: only a frame that is new tells that the last one works.
    lake.produce(range(3 * FRAMES, 3 * FRAMES + 1))
    wait_for(lambda: lake.lag() == 0)
    assert stopped(last) == 0
    assert lake.ask(COUNTS) == exactly((3 * FRAMES + 1) * ROWS_IN_A_FRAME)


def test_told_to_stop_it_exits_with_0_and_loses_nothing(lake: Lake) -> None:
    lake.produce(range(FRAMES))
    first = lake.start()
    wait_for(lambda: lake.lag() < 1)
    lake.produce(range(FRAMES, 2 * FRAMES), partition=1)
    assert stopped(first) == 0
    with running(lake):
        wait_for(lambda: lake.lag() == 0)
    assert lake.ask(COUNTS) == exactly(2 * FRAMES * ROWS_IN_A_FRAME)


def test_a_catalogue_that_drops_its_connections_delays_and_loses_nothing(lake: Lake) -> None:
    dropped = 0
    lake.produce(range(FRAMES))
    with running(lake) as errors:
        wait_for(lambda: bool(errors) or lake.lag() == 0)  # its connections are there to be dropped
        for turn in range(1, 7):
            lake.produce(range(turn * FRAMES, (turn + 1) * FRAMES))
            time.sleep(0.4)
            with psycopg.connect(lake.catalog, autocommit=True) as connection:
                dropped += connection.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                    "WHERE datname = current_database() AND pid <> pg_backend_pid()"
                ).rowcount
        wait_for(lambda: bool(errors) or lake.lag() == 0)
    assert not errors
    assert dropped > 0
    assert lake.ask(COUNTS) == exactly(7 * FRAMES * ROWS_IN_A_FRAME)


CLOSES = """
import sys
from contextlib import suppress
import duckdb, psycopg
from sinks.lake.connection import open_writer
from sinks.lake.transactions import closed
catalog, files, last = sys.argv[1:]
with closed(open_writer(catalog, files)) as lake:
    lake.execute("BEGIN")
    lake.execute("UPDATE sink_position SET next_offset = next_offset + 1")
    with psycopg.connect(catalog, autocommit=True) as connection:
        connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                           "WHERE datname = current_database() AND pid <> pg_backend_pid()")
    with suppress(duckdb.Error):
        lake.execute(last)
print("goes on")
"""


@pytest.mark.parametrize("last", ["COMMIT", "SELECT count(*) FROM readings_washer", "SELECT 1"])
def test_a_catalogue_that_goes_in_the_middle_of_a_transaction_does_not_end_the_process(lake: Lake, last: str) -> None:
    lake.sink(0)
    done = subprocess.run(
        [sys.executable, "-c", CLOSES, lake.catalog, lake.files, last],
        cwd=ROOT, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (0, "goes on\n"), done.stderr
