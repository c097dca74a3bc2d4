"""However much waits in Kafka, a sink holds what its settings let it."""

from __future__ import annotations

import subprocess
from pathlib import Path

import psutil  # type: ignore[import-untyped]
import pytest
from confluent_kafka import Producer

from sinks.lake.topics import ANSWER_BYTES, QUEUED_KB
from tests.integration.lake.conftest import Lake, a_cycle, a_frame, wait_for

pytestmark = [pytest.mark.kafka, pytest.mark.postgres]

MIB = 1024 * 1024
MAX_BYTES = 16 * MIB
MEMORY = 256 * MIB
KEPT_BYTES = 66 * MIB
"""What the rest was measured to leave room for; the bound in all is what it was with a queue twice as large."""
FRAME_ROWS = 100_000
DECODED_BYTES = 10 * MIB
FRAMES = 120
CYCLES = 60_000


def test_a_flood_of_large_frames_and_many_records_does_not_fill_the_memory(lake: Lake) -> None:
    lake.sink(0)
    sink = lake.start_with({"max_rows": 10**9, "max_bytes": MAX_BYTES, "max_age_s": 3_600.0, "memory": "256MiB"})
    try:
        wait_for(lambda: threads_of(sink) > 8)  # the consumer's, which are the last to start
        idle_bytes = psutil.Process(sink.pid).memory_info().rss
        flood(lake)
        # Two batches, each with a frame more; the queue, and an answer of a broker more; DuckDB.
        bound_bytes = 2 * (MAX_BYTES + DECODED_BYTES) + QUEUED_KB * 1024 + ANSWER_BYTES + MEMORY + KEPT_BYTES
        assert 2 * bound_bytes < FRAMES * DECODED_BYTES, "a sink that holds everything would be seen"
        wait_for(lambda: lake.ask("SELECT count(*) FROM readings_washer") >= [((FRAMES - 10) * FRAME_ROWS,)], 300)
        peak_bytes = peak_bytes_of(sink)
    finally:
        sink.terminate()
    assert sink.wait(60) == 0
    assert peak_bytes - idle_bytes < bound_bytes
    taken = "SELECT sum(next_offset) FROM sink_position WHERE topic ="
    for table, rows in (("readings_washer", FRAME_ROWS), ("wash_cycle_versions", 1)):
        assert lake.ask(f"SELECT count(*) = {rows} * ({taken} '{lake.topic(table)}') FROM {table}") == [(True,)]


def flood(lake: Lake) -> None:
    producer = Producer({"bootstrap.servers": lake.kafka, "message.max.bytes": 16 * MIB})
    cycle, frame = a_cycle("w-1:5", 90), a_frame(0, FRAME_ROWS)
    for number in range(CYCLES):
        producer.produce(lake.topic("wash_cycle_versions"), cycle, partition=number % 2)
    for number in range(FRAMES):
        producer.produce(lake.topic(), frame, partition=number % 2)
        producer.poll(0)
    producer.flush()


def threads_of(process: subprocess.Popen[bytes]) -> int:
    return int(psutil.Process(process.pid).num_threads())


def peak_bytes_of(process: subprocess.Popen[bytes]) -> int:
    """The most that it ever held."""
    lines = Path(f"/proc/{process.pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:"))
