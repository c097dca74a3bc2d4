"""Sinks write, readers read, the lake is looked after: nobody sees a row twice, half a batch or a missing file."""

from __future__ import annotations

import signal
import time
from contextlib import closing
from threading import Event, Thread

import duckdb
import pytest

from schemas.retention import DAY_MS, Policy
from sinks.lake.care import maintain
from sinks.lake.care_plan import Done, Plan
from sinks.lake.connection import open_reader
from tests.integration.lake.conftest import ROWS_IN_A_FRAME, Lake, wait_for

pytestmark = [pytest.mark.kafka, pytest.mark.postgres]

LOOK = "SELECT count(*), count(DISTINCT seq), min(seq), max(seq) FROM readings_washer"
MEASURED_AT_MS = 1_767_225_600_000
"""Of every reading of `a_frame`."""


class Watcher:
    """Asks all the time, in a thread of its own; each second look is the second of one transaction."""

    def __init__(self, lake: Lake) -> None:
        self._lake = lake
        self._stop = Event()
        self._thread = Thread(target=self._watch)
        self.looks: list[tuple[int, int, int, int]] = []
        self.errors: list[str] = []
        self._thread.start()

    def _watch(self) -> None:
        with closing(open_reader(self._lake.catalog, self._lake.files)) as reader:
            while not self._stop.is_set():
                try:
                    reader.execute("BEGIN")
                    first = reader.execute(LOOK).fetchall()
                    time.sleep(0.05)
                    if reader.execute(LOOK).fetchall() != first:
                        self.errors.append("a transaction saw two states")
                    reader.execute("COMMIT")
                    self.looks += first
                except duckdb.Error as error:
                    self.errors.append(str(error))
                    return

    def close(self) -> None:
        self._stop.set()
        self._thread.join(60)
        assert not self._thread.is_alive()


def test_a_reader_sees_whole_batches_and_every_file_while_sinks_write_and_the_lake_is_looked_after(lake: Lake) -> None:
    lake.sink(0)
    sink = lake.start()
    done: list[Done] = []
    frames = 0
    with closing(Watcher(lake)) as watcher:
        for _ in range(6):
            lake.produce(range(frames, frames + 20), partition=frames // 20 % 2)
            frames += 20
            # By its clock everything is too old: only what is open in the catalogue holds files and snapshots.
            now_ms = time.time_ns() // 1_000_000 + DAY_MS
            maintain(lake.catalog, lake.files, Plan(snapshots_for_ms=0, grace_ms=0), now_ms=now_ms, report=done.append)
        wait_for(lambda: lake.lag() == 0)
        wait_for(lambda: len(watcher.looks) > 5 or bool(watcher.errors))
    sink.send_signal(signal.SIGTERM)
    assert sink.wait(30) == 0
    assert not watcher.errors
    for rows, distinct, least, greatest in watcher.looks:
        assert rows == distinct
        assert rows % ROWS_IN_A_FRAME == 0
        assert rows == 0 or (least % ROWS_IN_A_FRAME, greatest % ROWS_IN_A_FRAME) == (0, ROWS_IN_A_FRAME - 1)
    assert lake.ask(LOOK) == [(frames * ROWS_IN_A_FRAME, frames * ROWS_IN_A_FRAME, 0, frames * ROWS_IN_A_FRAME - 1)]
    assert {change.table for step in done for change in step.changes if step.name == "merge"} >= {"readings_washer"}
    assert [step for step in done if step.name == "clean-up" and step.changes]


def test_what_may_not_stay_goes_though_sinks_insert_all_the_time(lake: Lake) -> None:
    lake.sink(0)
    lake.produce(range(10))
    sink = lake.start()
    wait_for(lambda: lake.ask(LOOK)[0][0] == 10 * ROWS_IN_A_FRAME)
    stop = Event()
    frames = 10

    def feed() -> None:
        nonlocal frames
        while not stop.is_set():
            lake.produce(range(frames, frames + 1))
            frames += 1
            time.sleep(0.05)

    feeder = Thread(target=feed)
    feeder.start()
    now_ms = time.time_ns() // 1_000_000
    done: list[Done] = []
    for _ in range(3):
        plan = Plan(Policy({"usage": now_ms - MEASURED_AT_MS - DAY_MS}))
        maintain(lake.catalog, lake.files, plan, now_ms=now_ms, report=done.append)
    stop.set()
    feeder.join(30)
    wait_for(lambda: lake.lag() == 0)
    sink.send_signal(signal.SIGTERM)
    assert sink.wait(30) == 0
    retained = [step for step in done if step.name == "retention"]
    assert not [step.left for step in retained if step.left]
    gone = sum(change.count for step in retained for change in step.changes)
    assert lake.ask(LOOK)[0][:2] == (frames * ROWS_IN_A_FRAME - gone, frames * ROWS_IN_A_FRAME - gone)
    assert gone % ROWS_IN_A_FRAME == 0
    assert gone >= 10 * ROWS_IN_A_FRAME
