"""What a producer says Kafka acknowledged is what Kafka holds: whole runs, interrupted ones, and none at all."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path
from typing import Any
from uuid import uuid4

import pyarrow.parquet as pq
import pytest
from confluent_kafka import Consumer, TopicPartition

from deploy.topics import ensure_topics
from producers.fault_rates import FaultRates
from producers.fleet import fleet
from producers.simulation import deliveries
from producers.truth_folder import told_so_far
from schemas.topics import BY_NAME, TELEMETRY, TELEMETRY_WASHER
from schemas.truth import RECORDS_FILE, SESSIONS_FILE, UPLOADS_FILE, TrueRecord
from vaxel.__main__ import run
from vaxel.progress import Intake

RATES = FaultRates(lost=0.05, oversized=0.01, empty=0.05)
FAULTS = ("--fault", "lost=0.05", "--fault", "oversized=0.01", "--fault", "empty=0.05")
START_MS = 1_777_852_800_000  # 2026-05-04
Place = tuple[str, int, int]


@pytest.fixture
def kafka(kafka_bootstrap: str, monkeypatch: pytest.MonkeyPatch) -> str:
    ensure_topics(kafka_bootstrap, [BY_NAME[name] for name in TELEMETRY], 4)
    monkeypatch.setenv("VAXEL_KAFKA", kafka_bootstrap)
    return kafka_bootstrap


def held(kafka: str, records: list[dict[str, Any]]) -> dict[Place, tuple[bytes, bytes]]:
    """Key and value of every record from the first of `records` on, by its place."""
    consumer = Consumer({"bootstrap.servers": kafka, "group.id": f"it-{uuid4().hex}", "enable.auto.commit": False})
    firsts: dict[tuple[str, int], int] = {}
    for record in records:
        at = (record["topic"], record["partition"])
        firsts[at] = min(firsts.get(at, record["offset"]), record["offset"])
    ends = {at: consumer.get_watermark_offsets(TopicPartition(*at))[1] for at in firsts}
    consumer.assign([TopicPartition(*at, offset) for at, offset in firsts.items()])
    found: dict[Place, tuple[bytes, bytes]] = {}
    deadline_s = time.monotonic() + 30
    while any(consumer.position([TopicPartition(*at)])[0].offset < end for at, end in ends.items()):
        assert time.monotonic() < deadline_s
        for message in consumer.consume(10_000, timeout=0.5):
            assert message.error() is None
            place, pair = (message.topic(), message.partition(), message.offset()), (message.key(), message.value())
            found[place] = pair  # type: ignore[index,assignment]
    consumer.close()
    return found


def rows(truth: str | Path, name: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = pq.read_table(Path(truth) / name).to_pylist()
    return found


def ours(found: dict[Place, tuple[bytes, bytes]], seed: int) -> dict[Place, tuple[bytes, bytes]]:
    return {place: record for place, record in found.items() if f"-{seed}-" in record[0].decode()}


@pytest.fixture
def seed() -> int:
    """A fleet that no other test and no earlier run has sent."""
    return uuid4().int % 10**9


@pytest.mark.kafka
def test_every_acknowledged_record_is_at_its_offset_with_the_bytes_of_the_seed(
    kafka: str, seed: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    call = ["simulate", "--seed", str(seed), "--washers", "8", "--shoes", "8", "--days", "3", *FAULTS]
    assert run([*call, "--data-dir", str(tmp_path), "--json"]) == 0
    summary = json.loads(capsys.readouterr().out)
    records = rows(summary["truth"], RECORDS_FILE)
    found = ours(held(kafka, records), seed)
    assert summary["acknowledged"] == summary["sent"] == len(records) == len(found) > 200
    assert summary["lost"] == sum(row["is_lost"] for row in rows(summary["truth"], UPLOADS_FILE)) > 0
    assert {(row["topic"], row["partition"], row["offset"]) for row in records} == set(found)
    for row in records:
        key, value = found[row["topic"], row["partition"], row["offset"]]
        assert key.decode() == row["device_id"]
        if row["intact"]:
            upload = json.loads(value)
            assert (upload["device_id"], upload["seq"]) == (row["device_id"], row["seq"])
            assert len(upload["offset_ms"]) == row["reading_count"]
    expected = deliveries(fleet(seed, 8, 8, START_MS, 3), RATES)
    assert sorted(delivery.value for delivery in expected if not delivery.is_lost) == sorted(
        value for _, value in found.values()
    )
    assert len(rows(summary["truth"], SESSIONS_FILE)) == summary["sessions"] > 5


@pytest.mark.kafka
def test_records_of_a_device_stay_in_one_partition_as_java_clients_choose_it(
    kafka: str, seed: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    call = ["simulate", "--seed", str(seed), "--washers", "30", "--shoes", "0", "--days", "1", "--json"]
    assert run([*call, "--data-dir", str(tmp_path)]) == 0
    records = rows(json.loads(capsys.readouterr().out)["truth"], RECORDS_FILE)
    from aiokafka.partitioner import murmur2

    for row in records:
        assert row["topic"] == TELEMETRY_WASHER
        assert row["partition"] == (murmur2(row["device_id"].encode()) & 0x7FFFFFFF) % 4


def ends(kafka: str) -> int:
    """Records that the telemetry topics have ever held."""
    with closing(Intake(kafka)) as intake:
        return sum(high for _, high in intake.ends().values())


@pytest.mark.kafka
def test_ctrl_c_keeps_the_truth_of_what_was_acknowledged(kafka: str, seed: int, tmp_path: Path) -> None:
    call = ["simulate", "--seed", str(seed), "--rate", "500", "--json", "--data-dir", str(tmp_path)]
    before = ends(kafka)
    process = subprocess.Popen(
        [sys.executable, "-m", "vaxel", *call],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "VAXEL_KAFKA": kafka},
        cwd=Path(__file__).parents[3],
    )
    try:
        deadline_s = time.monotonic() + 30
        while ends(kafka) == before:
            assert time.monotonic() < deadline_s
            time.sleep(0.1)
        process.send_signal(signal.SIGINT)
        told, _ = process.communicate(timeout=30)
    finally:
        process.kill()
        process.wait()
    assert process.returncode == 130
    summary = json.loads(told)
    records = rows(summary["truth"], RECORDS_FILE)
    assert summary["interrupted"]
    assert 0 < summary["acknowledged"] == len(records) == len(ours(held(kafka, records), seed)) < 10_000


@pytest.mark.kafka
def test_a_run_that_is_killed_has_told_what_it_sent_until_a_second_before(
    kafka: str, seed: int, tmp_path: Path
) -> None:
    call = ["simulate", "--seed", str(seed), "--rate", "500", "--quiet", "--data-dir", str(tmp_path)]
    process = subprocess.Popen(
        [sys.executable, "-m", "vaxel", *call],
        env={**os.environ, "VAXEL_KAFKA": kafka},
        cwd=Path(__file__).parents[3],
    )
    try:
        deadline_s = time.monotonic() + 30
        while not any(told_so_far(folder, TrueRecord).num_rows for folder in tmp_path.glob("truth/*")):
            assert time.monotonic() < deadline_s
            time.sleep(0.1)
    finally:
        process.kill()
        process.wait()
    (folder,) = tmp_path.glob("truth/*")
    records = told_so_far(folder, TrueRecord).to_pylist()
    assert not (folder / RECORDS_FILE).exists()
    assert 0 < len(records) <= len(ours(held(kafka, records), seed)) < len(records) + 2_000


def test_without_kafka_the_call_ends_soon_and_says_where_it_looked(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setenv("VAXEL_KAFKA", "127.0.0.1:1")
    started_s = time.monotonic()
    assert run(["simulate", "--days", "1", "--washers", "1", "--data-dir", str(tmp_path)]) == 3
    assert time.monotonic() - started_s < 15
    told = capsys.readouterr().err
    assert "Kafka does not answer at '127.0.0.1:1'" in told
    assert told.count("\n") == 1
    assert not list(tmp_path.iterdir())
