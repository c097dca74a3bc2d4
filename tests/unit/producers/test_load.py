"""The shell of a load, against a producer that acknowledges what it is told to."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from threading import Event
from types import SimpleNamespace
from typing import Any, cast

import pyarrow.parquet as pq
import pytest
from confluent_kafka import KafkaError, KafkaException, Producer

from producers import load as shell
from producers.load import Load
from producers.load_uploads import devices
from producers.truth_folder import FILES, TruthFolder
from schemas.errors import OutsideError, UnreachableError
from schemas.fields import Contract
from schemas.topics import TELEMETRY
from schemas.truth import TrueRecord, TrueSession, TrueTotal, TrueUpload
from tests.unit.producers.test_load_acknowledged import Message

GROUPS = [devices("washer", 7, 2, 5), devices("shoe", 4, 2, 5)]
Place = tuple[str, int, int]


class FakeProducer:
    """Holds what is sent; every partition has others' records in between.

    Attributes:
        takes: Records after which it takes no more.
        fails: Number of the record that times out, counted from the first acknowledged.
    """

    def __init__(self, takes: int = 10**9, fails: int | None = None, is_fenced: bool = False) -> None:
        self.held: dict[Place, bytes] = {}
        self._takes, self._fails, self._is_fenced = takes, fails, is_fenced
        self._waiting: list[tuple[str, int, bytes, Callable[..., None]]] = []
        self._reported = 0
        self._next: dict[tuple[str, int], int] = {}
        self.most_waiting = 0

    def list_topics(self, timeout: float) -> Any:
        return SimpleNamespace(topics={topic: SimpleNamespace(partitions=range(3)) for topic in TELEMETRY})

    def produce_batch(self, topic: str, messages: list[dict[str, Any]], *, partition: int, on_delivery: Any) -> int:
        if self._is_fenced:
            raise KafkaException(KafkaError(KafkaError._FATAL, "producer fenced"))
        taken = messages[: self._takes]
        for message in messages[len(taken) :]:
            message["_error"] = KafkaError(KafkaError._FATAL, "idempotence is lost")
        self._takes -= len(taken)
        self._waiting += [(topic, partition, message["value"], on_delivery) for message in taken]
        self.most_waiting = max(self.most_waiting, len(self._waiting))
        return len(taken)

    def __len__(self) -> int:
        return len(self._waiting)

    def poll(self, _timeout_s: float) -> None:
        reported, self._waiting = self._waiting[:30], self._waiting[30:]
        for topic, partition, value, report in reported:
            if self._reported == self._fails:
                report(KafkaError(KafkaError._MSG_TIMED_OUT, "timed out"), Message(-1001, value))
            else:
                offset = self._next.get((topic, partition), 100)
                self._next[topic, partition] = offset + 1 + (offset % 7 == 0)
                self.held[topic, partition, offset] = value
                report(None, Message(offset, value))
            self._reported += 1

    def flush(self, timeout_s: float) -> None:
        while self._waiting:
            self.poll(timeout_s)


def sent(producer: FakeProducer, folder: Path, count: int, **how: Any) -> Load:
    load = Load(GROUPS, cast(Producer, producer), TruthFolder(folder))
    load.send(count, **{"stop": Event(), "on_progress": lambda _sent: None, "per_second": None, **how})
    return load


def rows(folder: Path, contract: type[Contract]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = pq.read_table(folder / FILES[contract]).to_pylist()
    return found


def assert_true(producer: FakeProducer, folder: Path) -> None:
    """The records of the truth are what the partitions hold."""
    true = {
        (row["topic"], row["partition"], row["offset"]): (row["device_id"], row["seq"])
        for row in rows(folder, TrueRecord)
    }
    held = {place: json.loads(value) for place, value in producer.held.items()}
    assert true == {place: (upload["device_id"], upload["seq"]) for place, upload in held.items()}
    assert len(true) == len(rows(folder, TrueRecord))


@pytest.fixture(autouse=True)
def small_volleys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shell, "AT_ONCE", 40)
    monkeypatch.setattr(shell, "_RECORDS_PER_WRITE", 50)


def test_all_of_it_is_sent_acknowledged_and_told(tmp_path: Path) -> None:
    producer, progress = FakeProducer(), list[int]()
    load = sent(producer, tmp_path, 500, on_progress=progress.append)
    assert (load.sent, load.acknowledged.count) == (500, 500)
    assert progress[0] == 40
    assert progress[-1] == 500
    assert_true(producer, tmp_path)
    uploads = rows(tmp_path, TrueUpload)
    assert len(uploads) == len(producer.held) == 500
    assert len(rows(tmp_path, TrueSession)) == load.session_count
    totals = rows(tmp_path, TrueTotal)
    assert sum(row["upload_count"] for row in totals) == 500
    assert sum(row["session_count"] for row in totals) == load.session_count


def test_what_a_device_sends_stays_in_its_order_in_one_partition(tmp_path: Path) -> None:
    producer = FakeProducer()
    sent(producer, tmp_path, 500)
    seqs: dict[str, list[int]] = {}
    places: dict[str, set[tuple[str, int]]] = {}
    for (topic, partition, _), value in sorted(producer.held.items()):
        upload = json.loads(value)
        seqs.setdefault(upload["device_id"], []).append(upload["seq"])
        places.setdefault(upload["device_id"], set()).add((topic, partition))
    assert len(seqs) == 11
    assert all(found == list(range(len(found))) for found in seqs.values())
    assert all(len(found) == 1 for found in places.values())


def test_a_stop_ends_it_after_the_uploads_under_way(tmp_path: Path) -> None:
    stop, producer = Event(), FakeProducer()
    load = sent(producer, tmp_path, 500, stop=stop, on_progress=lambda sent: stop.set() if sent >= 100 else None)
    assert load.sent == load.acknowledged.count == 120
    assert_true(producer, tmp_path)
    assert sum(row["upload_count"] for row in rows(tmp_path, TrueTotal)) == len(rows(tmp_path, TrueUpload)) == 120


def test_the_producer_is_never_given_more_than_it_can_hold(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    width = max(group.templates.rows.shape[1] for group in GROUPS)
    monkeypatch.setattr(shell, "_MOST_WAITING_BYTES", 60 * width)
    producer = FakeProducer()
    sent(producer, tmp_path, 500)
    assert 0 < producer.most_waiting <= 60 + 40


def test_a_record_that_times_out_ends_it_and_is_not_told(tmp_path: Path) -> None:
    producer = FakeProducer(fails=70)
    with pytest.raises(UnreachableError, match=r"Kafka stopped acknowledging: timed out\. \d+ of \d+ records"):
        sent(producer, tmp_path, 5_000)
    assert_true(producer, tmp_path)
    uploads = rows(tmp_path, TrueUpload)
    assert len(producer.held) == len(uploads) - 1
    assert len(uploads) < 5_000


@pytest.mark.parametrize("takes", [0, 1, 90, 120])
def test_a_producer_that_takes_no_more_ends_it_and_what_it_took_is_told(tmp_path: Path, takes: int) -> None:
    producer = FakeProducer(takes=takes)
    with pytest.raises(UnreachableError, match=rf"idempotence is lost\. {takes} of {takes} records"):
        sent(producer, tmp_path, 500)
    assert_true(producer, tmp_path)
    assert len(producer.held) == takes


def test_a_fenced_producer_ends_it(tmp_path: Path) -> None:
    with pytest.raises(UnreachableError, match="producer fenced"):
        sent(FakeProducer(is_fenced=True), tmp_path, 500)
    assert rows(tmp_path, TrueRecord) == []


def test_a_rate_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now_s, producer = 0.0, FakeProducer()

    def poll(timeout_s: float) -> None:
        nonlocal now_s
        now_s += timeout_s
        FakeProducer.poll(producer, timeout_s)

    monkeypatch.setattr(producer, "poll", poll)
    monkeypatch.setattr(shell, "time", SimpleNamespace(monotonic=lambda: now_s))
    sent(producer, tmp_path, 200, per_second=100.0)
    assert now_s == pytest.approx(2.0, abs=0.05)


def test_a_full_disk_stops_the_sending(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_space(*_arguments: Any) -> None:
        raise OutsideError("Cannot write the truth: No space left on device")

    producer = FakeProducer()
    load = Load(GROUPS, cast(Producer, producer), TruthFolder(tmp_path))
    monkeypatch.setattr(load.folder, "append", no_space)
    with pytest.raises(OutsideError, match="No space left on device"):
        load.send(500, stop=Event(), on_progress=lambda _sent: None, per_second=None)
    assert producer.held == {}
    assert not (tmp_path / FILES[TrueRecord]).exists()
