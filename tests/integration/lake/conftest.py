"""A lake of its own for each test: fresh topics, a fresh catalogue, an empty directory."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Event, Timer
from typing import Any

import pyarrow as pa
import pytest
from confluent_kafka import Producer

from schemas.facts import Status, WashCycle, WasherReading
from schemas.forms import arrow_schema
from schemas.lake import INPUTS, TABLES, Input
from sinks.lake import tables
from sinks.lake.connection import open_reader, open_writer
from sinks.lake.doubt import Way
from sinks.lake.lag import lag
from sinks.lake.sink import Settings, run
from sinks.lake.storing import Stored
from tests.integration.lake.kept_lake import Kept

FreshTopics = Callable[..., list[str]]
FreshDatabase = Callable[[], str]
ROOT = Path(__file__).parents[3]
ROWS_IN_A_FRAME = 300
"""More than the lake inlines, so that frames become files."""


@dataclass(frozen=True)
class Lake:
    """Addresses and topics of one test's lake."""

    kafka: str
    catalog: str
    files: str
    inputs: tuple[Input, ...]

    def topic(self, table: str = "readings_washer") -> str:
        return next(entry.topic for entry in self.inputs if entry.table.name == table)

    def sink(self, rows: int, **more: Any) -> int:
        """Runs the sink until it has stored this many rows (0: for a moment); returns how many it did."""
        stop = Event()
        stored = 0

        def count(part: Stored) -> None:
            nonlocal stored
            stored += sum(part.rows.values())
            if stored >= rows:
                stop.set()

        if rows == 0:
            Timer(0.5, stop.set).start()
        quick = {"inputs": self.inputs, "settings": Settings(max_age_s=0.2, max_idle_s=1.0), "report": count}
        run(self.kafka, self.catalog, self.files, **{"stop": stop, **quick, **more})
        return stored

    def start(self, **environment: str) -> subprocess.Popen[bytes]:
        """The sink as a process of its own, until SIGTERM."""
        return self.start_with({"max_rows": 1_000, "max_age_s": 0.2}, **environment)

    def start_with(self, settings: dict[str, object], **environment: str) -> subprocess.Popen[bytes]:
        """The same with other settings; `share` is written `I/N`."""
        topics = {entry.table.name: entry.topic for entry in self.inputs}
        program = Path(__file__).with_name("sink_process.py")
        told = [json.dumps(topics), json.dumps(settings)]
        return subprocess.Popen(
            [sys.executable, str(program), self.kafka, self.catalog, self.files, *told],
            env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
        )

    def ask(self, query: str) -> list[tuple[Any, ...]]:
        with open_reader(self.catalog, self.files) as connection:
            return connection.execute(query).fetchall()

    def lag(self) -> int:
        return lag(self.kafka, self.catalog, self.files, self.inputs)

    def produce(self, frames: range, partition: int = 0) -> None:
        """One frame a number, each with ROWS_IN_A_FRAME readings whose `seq` nobody else has."""
        producer = Producer({"bootstrap.servers": self.kafka, "linger.ms": 1})
        for number in frames:
            producer.produce(self.topic(), a_frame(number), partition=partition)
        producer.flush()


def wait_for(condition: Callable[[], bool], within_s: float = 60.0) -> None:
    """Looks again and again, at most half of the time: to look may cost a core that what is waited for needs."""
    deadline_s = time.monotonic() + within_s
    began_s = time.monotonic()
    while not condition():
        looked_s = time.monotonic()
        assert looked_s < deadline_s
        time.sleep(max(0.1, looked_s - began_s))
        began_s = time.monotonic()


def a_frame(number: int, rows: int = ROWS_IN_A_FRAME) -> bytes:
    first = number * rows
    table = pa.Table.from_pylist(
        [
            {"device_id": f"w-{number}", "seq": first + index, "session_no": 1, "measured_at_ms": 1_767_225_600_000,
             "span_ms": 1000, "power_w": 7.5, "energy_wh": 0.1}
            for index in range(rows)
        ],
        schema=arrow_schema(WasherReading),
    )  # fmt: skip
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema, options=pa.ipc.IpcWriteOptions(compression="lz4")) as writer:
        writer.write_table(table)
    return bytes(sink.getvalue())


def a_cycle(session_id: str, version: int, status: Status = "closed") -> bytes:
    return (
        WashCycle(
            session_id=session_id, version=version, status=status, device_id="w-1", material="WM-1", firmware="1.2.3",
            session_no=5, started_at_ms=1_767_225_600_000, ended_at_ms=1_767_225_600_000 + version * 60_000,
            reading_count=3, known_at_ms=1_767_229_200_000, source="reported", programme="eco", energy_wh=512.5,
            peak_w=2000.0, water_l=None,
        )
        .model_dump_json()
        .encode()
    )  # fmt: skip


@pytest.fixture
def lake(kafka_bootstrap: str, fresh_topics: FreshTopics, fresh_database: FreshDatabase, tmp_path: Path) -> Lake:
    names = fresh_topics([entry.topic for entry in INPUTS], partitions=2)
    inputs = tuple(replace(entry, topic=name) for entry, name in zip(INPUTS, names, strict=True))
    return Lake(kafka_bootstrap, fresh_database(), str(tmp_path / "lake"), inputs)


@pytest.fixture
def kept(fresh_database: FreshDatabase, tmp_path: Path) -> Iterator[Kept]:
    catalog, files = fresh_database(), str(tmp_path / "lake")
    with open_writer(catalog, files) as writer:
        tables.prepare(writer, TABLES, Way())
        yield Kept(catalog, files, writer)
