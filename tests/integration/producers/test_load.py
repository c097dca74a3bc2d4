"""The truth of a load is what Kafka holds: when it ends, when it is interrupted, and with others in its partitions."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from threading import Event, Thread
from typing import Any
from uuid import uuid4

import pyarrow.parquet as pq
import pytest
from aiokafka.partitioner import murmur2
from confluent_kafka import Consumer, Producer, TopicPartition

from deploy.topics import ensure_topics
from producers.load_digits import listed
from producers.load_uploads import devices, volleys
from schemas.topics import BY_NAME, TELEMETRY, TELEMETRY_SHOE, TELEMETRY_WASHER
from schemas.truth import RECORDS_FILE, UPLOADS_FILE
from vaxel.commands.load import load

PARTITIONS, TEMPLATES = 4, 4
Place = tuple[str, int, int]

pytestmark = pytest.mark.kafka

CALL = ("simulate", "--load", "10000000", "--washers", "300", "--shoes", "200", "--rate", "20000", "--json")


@pytest.fixture
def kafka(kafka_bootstrap: str, monkeypatch: pytest.MonkeyPatch) -> str:
    ensure_topics(kafka_bootstrap, [BY_NAME[name] for name in TELEMETRY], PARTITIONS)
    monkeypatch.setenv("VAXEL_KAFKA", kafka_bootstrap)
    return kafka_bootstrap


@pytest.fixture
def seed() -> int:
    """Devices that no other test and no earlier run has sent."""
    return uuid4().int % 10**9


def held(kafka: str, seed: int) -> dict[Place, tuple[str, bytes]]:
    """Key and value of every record of the seed's devices, by its place."""
    consumer = Consumer({"bootstrap.servers": kafka, "group.id": f"it-{uuid4().hex}", "enable.auto.commit": False})
    places = [TopicPartition(topic, number, 0) for topic in TELEMETRY for number in range(PARTITIONS)]
    extents = {(at.topic, at.partition): consumer.get_watermark_offsets(at) for at in places}
    consumer.assign([at for at in places if extents[at.topic, at.partition][0] < extents[at.topic, at.partition][1]])
    missing = sum(high - low for low, high in extents.values())
    found: dict[Place, tuple[str, bytes]] = {}
    deadline_s = time.monotonic() + 60
    while missing > 0:
        assert time.monotonic() < deadline_s
        for message in consumer.consume(10_000, timeout=0.5):
            assert message.error() is None
            missing -= 1
            key, value, topic = message.key() or b"", message.value() or b"", message.topic() or ""
            if f"-{seed}-".encode() in key:
                found[topic, message.partition() or 0, message.offset() or 0] = (key.decode(), value)
    consumer.close()
    return found


def told(truth: str, file: str = RECORDS_FILE) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = pq.read_table(Path(truth) / file).to_pylist()
    return rows


def assert_true(truth: str, found: dict[Place, tuple[str, bytes]]) -> None:
    """The records of the truth are exactly those in Kafka, each at its place."""
    records = told(truth)
    assert len(records) == len(found)
    for row in records:
        key, value = found[row["topic"], row["partition"], row["offset"]]
        upload = json.loads(value)
        assert key == row["device_id"] == upload["device_id"]
        assert (row["seq"], row["reading_count"]) == (upload["seq"], len(upload["offset_ms"]))
        assert row["topic"] == (TELEMETRY_WASHER if "cycle_no" in upload else TELEMETRY_SHOE)
        assert row["partition"] == (murmur2(key.encode()) & 0x7FFFFFFF) % PARTITIONS


def assert_in_order(found: dict[Place, tuple[str, bytes]]) -> None:
    """Every device's uploads lie one after the other in its partition, none left out."""
    seqs: dict[str, list[int]] = defaultdict(list)
    for _, (key, value) in sorted(found.items()):
        seqs[key].append(json.loads(value)["seq"])
    for numbers in seqs.values():
        assert numbers[0] == 0
        assert all(later == number + 1 for number, later in pairwise(numbers))


@contextmanager
def others(kafka: str) -> Iterator[None]:
    """Somebody else who writes to the same partitions all the while."""
    stop, producer = Event(), Producer({"bootstrap.servers": kafka, "linger.ms": 1})

    def write() -> None:
        while not stop.is_set():
            for topic in TELEMETRY:
                for number in range(PARTITIONS):
                    producer.produce(topic, b"{}", b"somebody-else", number)
            producer.poll(0.001)

    thread = Thread(target=write)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
        producer.flush(10)


def test_every_upload_of_a_load_is_where_the_truth_says_with_the_bytes_of_the_seed(
    kafka: str, seed: int, tmp_path: Path
) -> None:
    counts: dict[str, Any] = {"washers": 300, "shoes": 200, "template_count": TEMPLATES, "seed": seed}
    with others(kafka):
        summary = load(100_000, **counts, per_second=None, data_dir=tmp_path, quiet=True)
    assert summary["sent"] == summary["acknowledged"] == 100_000
    assert summary["devices"] == 500
    assert not summary["interrupted"]
    found = held(kafka, seed)
    assert_true(summary["truth"], found)
    assert_in_order(found)
    groups = [devices("washer", 300, TEMPLATES, seed), devices("shoe", 200, TEMPLATES, seed)]
    expected = [
        value for volley in volleys(groups, 100_000, 8_192) for part in volley for value in listed(part.values())
    ]
    assert sorted(value for _, value in found.values()) == sorted(expected)


def test_ctrl_c_leaves_the_truth_of_exactly_what_kafka_holds(kafka: str, seed: int, tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "vaxel", *CALL, "--seed", str(seed), "--data-dir", str(tmp_path)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "VAXEL_KAFKA": kafka},
        cwd=Path(__file__).parents[3],
    )
    try:
        deadline_s = time.monotonic() + 30
        while not held(kafka, seed):
            assert time.monotonic() < deadline_s
            time.sleep(0.1)
        process.send_signal(signal.SIGINT)
        said, _ = process.communicate(timeout=60)
    finally:
        process.kill()
        process.wait()
    assert process.returncode == 130
    summary = json.loads(said)
    found = held(kafka, seed)
    assert summary["interrupted"]
    assert 0 < summary["acknowledged"] == summary["sent"] == len(found) < 10_000_000
    assert len(told(summary["truth"], UPLOADS_FILE)) == len(found)
    assert_true(summary["truth"], found)
    assert_in_order(found)
