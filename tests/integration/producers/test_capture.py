"""Captures of a real broker, and their replay: the same records in the same order, and only they."""

from __future__ import annotations

import json
import signal
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Producer, TopicPartition
from confluent_kafka.admin import AdminClient

from producers.recordings import capturing
from producers.recordings.captured import Capture, CapturedRecord, CaptureWriter, opened
from producers.recordings.capturing import Segment
from schemas.errors import UsageError
from schemas.topics import TELEMETRY_WASHER
from vaxel.__main__ import run

pytestmark = pytest.mark.kafka

FreshTopic = Callable[..., str]
HOSTILE: list[tuple[bytes | None, bytes | None]] = [
    (b"wm-1", b'{"device_id":"wm-1"}'),
    (None, b"no key"),
    (b"", b""),
    (b"wm-2", None),
    (b"\xff\xfe", b"\x00" * 900_000),
    (b"wm-1", b"\xf0\x9f\x91\x9f"),
]


@pytest.fixture(autouse=True)
def kafka(kafka_bootstrap: str, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("VAXEL_KAFKA", kafka_bootstrap)
    return kafka_bootstrap


def produce(kafka: str, topic: str, held: list[tuple[bytes | None, bytes | None]], **more: Any) -> None:
    producer = Producer({"bootstrap.servers": kafka, "linger.ms": 5})
    for number, (key, value) in enumerate(held):
        producer.produce(topic, value, key, headers=[("number", str(number).encode()), ("none", None)], **more)
    producer.flush(30)


def captured(path: Path) -> dict[int, list[CapturedRecord]]:
    """Records of a capture by partition, in the order of the file."""
    found: dict[int, list[CapturedRecord]] = defaultdict(list)
    for record in opened(path).records():
        found[record.partition].append(record)
    return found


def content(path: Path) -> dict[int, list[tuple[Any, ...]]]:
    """What has to be the same after a replay: all but offset and time."""
    return {
        number: [(record.key, record.value, record.headers) for record in records]
        for number, records in captured(path).items()
    }


def test_a_replayed_capture_is_the_captured_topic_record_by_record(
    kafka: str, fresh_topic: FreshTopic, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source, target = fresh_topic(partitions=3), fresh_topic(partitions=3)
    for number in range(3):
        produce(kafka, source, HOSTILE * 3, partition=number)
    first, second = tmp_path / "first.parquet", tmp_path / "second.parquet"
    assert run(["capture", source, str(first), "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert (said["records"], said["interrupted"], said["bytes"]) == (54, False, first.stat().st_size)
    assert said["partitions"] == {str(number): {"from": 0, "to": 18} for number in range(3)}
    assert run(["replay", str(first), "--topic", target, "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert (said["sent"], said["acknowledged"], said["to"]) == (54, 54, target)
    assert run(["capture", target, str(second), "--quiet"]) == 0
    assert content(first) == content(second)
    for records in captured(first).values():
        assert [record.offset for record in records] == list(range(18))
        assert [(record.key, record.value) for record in records] == HOSTILE * 3


def test_replay_to_a_topic_of_another_width_keeps_the_order_of_each_key(
    kafka: str, fresh_topic: FreshTopic, tmp_path: Path
) -> None:
    source, target = fresh_topic(partitions=3), fresh_topic(partitions=2)
    sent = [(f"wm-{number % 7}".encode(), str(number).encode()) for number in range(200)]
    produce(kafka, source, [*sent])
    first, second = tmp_path / "first.parquet", tmp_path / "second.parquet"
    assert run(["capture", source, str(first), "--quiet"]) == 0
    assert run(["replay", str(first), "--topic", target, "--quiet"]) == 0
    assert run(["capture", target, str(second), "--quiet"]) == 0
    arrived: dict[bytes, list[bytes]] = defaultdict(list)
    for records in captured(second).values():
        for record in records:
            arrived[record.key or b""].append(record.value or b"")
    assert arrived == {
        key: [value for other, value in sent if other == key] for key in dict.fromkeys(key for key, _ in sent)
    }
    assert opened(second).about.partition_count == 2


def test_bounds_are_half_open_in_offsets_and_in_times(kafka: str, fresh_topic: FreshTopic, tmp_path: Path) -> None:
    topic = fresh_topic(TELEMETRY_WASHER)
    for number in range(4):
        produce(kafka, topic, [(b"k", str(number).encode())])
        time.sleep(0.02)  # the broker stamps each with another millisecond
    whole = tmp_path / "whole"
    assert run(["capture", topic, str(whole), "--quiet"]) == 0
    stamps_ms = [record.timestamp_ms for record in captured(whole)[0]]
    assert len(set(stamps_ms)) == 4

    def between(name: str, *bounds: str) -> list[int]:
        path = tmp_path / name
        assert run(["capture", topic, str(path), "--quiet", *bounds]) == 0
        return [record.offset for record in captured(path)[0]]

    times = [datetime.fromtimestamp(stamp_ms / 1000, UTC).isoformat() for stamp_ms in stamps_ms]
    assert between("a", "--from", "1", "--to", "3") == [1, 2]
    assert between("b", "--from", times[1], "--to", times[3]) == [1, 2]
    assert between("c", "--from", "2", "--to", "99") == [2, 3]
    assert between("d", "--to", times[2]) == [0, 1]
    assert between("e", "--from", times[3]) == [3]


def test_nothing_there_is_told_with_what_there_is(
    kafka: str, fresh_topic: FreshTopic, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    topic, path = fresh_topic(partitions=2), tmp_path / "a"
    produce(kafka, topic, [(b"k", b"v")], partition=1)
    assert run(["capture", topic, str(path), "--from", "5"]) == 2
    assert "by partition it holds the offsets 0: 0 to 0, 1: 0 to 1" in capsys.readouterr().err
    assert run(["capture", topic, str(path), "--from", "2199-01-01"]) == 2
    assert run(["capture", "absent", str(path)]) == 2
    assert "has no topic 'absent'; it has" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_a_topic_that_is_not_there_is_not_made_by_looking(kafka: str, tmp_path: Path) -> None:
    for _ in range(2):
        with pytest.raises(UsageError, match="has no topic 'absent'"):
            Segment({"bootstrap.servers": kafka}, "absent", None, None)


def test_what_was_never_committed_is_not_captured(kafka: str, fresh_topic: FreshTopic, tmp_path: Path) -> None:
    topic = fresh_topic()
    producer = Producer({"bootstrap.servers": kafka, "transactional.id": topic})
    producer.init_transactions(30)
    for word, end in ((b"kept", producer.commit_transaction), (b"undone", producer.abort_transaction)):
        producer.begin_transaction()
        producer.produce(topic, word, b"k")
        producer.flush(30)
        end(30)
    path = tmp_path / "a"
    assert run(["capture", topic, str(path), "--quiet"]) == 0
    assert [record.value for record in captured(path)[0]] == [b"kept"]


def test_what_kafka_lets_go_of_meanwhile_is_told_and_leaves_no_file(
    kafka: str, fresh_topic: FreshTopic, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: Any
) -> None:
    topic, path = fresh_topic(), tmp_path / "a"
    produce(kafka, topic, [(b"k", b"v")] * 100)
    chunks, client = Segment.chunks, AdminClient({"bootstrap.servers": kafka})

    def after_retention(self: Segment, stop: Any) -> Iterator[list[CapturedRecord]]:
        for deleted in client.delete_records([TopicPartition(topic, 0, 50)]).values():
            deleted.result(30)
        return chunks(self, stop)

    monkeypatch.setattr(Segment, "chunks", after_retention)
    assert run(["capture", topic, str(path), "--quiet"]) == 3
    assert f"does not read {topic}" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def interrupted_writes(monkeypatch: pytest.MonkeyPatch, after: int) -> None:
    """Ctrl-C once that many chunks are written."""
    write, count = CaptureWriter.write, iter(range(1, 1_000))

    def write_and_interrupt(self: CaptureWriter, records: list[CapturedRecord]) -> None:
        write(self, records)
        if next(count) == after:
            signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(CaptureWriter, "write", write_and_interrupt)
    monkeypatch.setattr(capturing, "RECORDS_AT_ONCE", 10)


def test_ctrl_c_keeps_what_was_read_as_a_whole_file(
    kafka: str,
    fresh_topic: FreshTopic,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    topic, path = fresh_topic(), tmp_path / "a"
    produce(kafka, topic, [(b"k", str(number).encode()) for number in range(100)])
    interrupted_writes(monkeypatch, after=2)
    assert run(["capture", topic, str(path), "--json"]) == 130
    said = json.loads(capsys.readouterr().out)
    records = captured(path)[0]
    assert said["interrupted"] is True
    assert 20 <= said["records"] == len(records) < 100
    assert [record.offset for record in records] == list(range(len(records)))


@pytest.mark.parametrize(("after", "sent"), [(130, 30), (30, 0)])
def test_ctrl_c_ends_a_replay_and_says_what_was_acknowledged(
    kafka: str,
    fresh_topic: FreshTopic,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    after: int,
    sent: int,
) -> None:
    """All 100 records are read through once before they are sent."""
    source, target, path = fresh_topic(), fresh_topic(), tmp_path / "a"
    produce(kafka, source, [(b"k", str(number).encode()) for number in range(100)])
    assert run(["capture", source, str(path), "--quiet"]) == 0
    records, numbers = Capture.records, count()

    def interrupted(self: Capture) -> Iterator[CapturedRecord]:
        for record in records(self):
            if next(numbers) == after:
                signal.raise_signal(signal.SIGINT)
            yield record

    monkeypatch.setattr(Capture, "records", interrupted)
    capsys.readouterr()
    assert run(["replay", str(path), "--topic", target, "--json"]) == 130
    said = json.loads(capsys.readouterr().out)
    assert (said["sent"], said["acknowledged"], said["interrupted"]) == (sent, sent, True)


def test_a_rate_is_kept_to(kafka: str, fresh_topic: FreshTopic, tmp_path: Path) -> None:
    source, target, path = fresh_topic(), fresh_topic(), tmp_path / "a"
    produce(kafka, source, [(b"k", b"v")] * 40)
    assert run(["capture", source, str(path), "--quiet"]) == 0
    started_s = time.monotonic()
    assert run(["replay", str(path), "--topic", target, "--rate", "40", "--quiet"]) == 0
    assert time.monotonic() - started_s >= 0.95
