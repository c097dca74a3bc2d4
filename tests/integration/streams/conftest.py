"""A stream of its own for each test: fresh topics and its own app; receipts and failed events are shared and sifted."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast
from uuid import uuid4

import pytest
from aiokafka import ConsumerRecord
from confluent_kafka import (
    OFFSET_BEGINNING,
    Consumer,
    IsolationLevel,
    KafkaError,
    Message,
    Producer,
    TopicPartition,
)
from confluent_kafka.admin import AdminClient, OffsetSpec  # type: ignore[attr-defined]

from deploy.topics import ensure_topics, partition_counts
from schemas.topics import BY_NAME, FAILED_EVENTS, RECEIPTS, TELEMETRY_WASHER, state_topic
from streams.batch import Place
from streams.checkpoint import Partition, Run
from streams.crash_points import VARIABLE
from streams.frames import read_frame
from streams.positions import Topics
from streams.product import WASHER, Product
from streams.settings import EngineSettings
from tests.unit.streams.oracle import Oracle, closely

ROOT = Path(__file__).parents[3]
WORKER = Path(__file__).with_name("worker_process.py")
PATIENCE_S = 60.0

Upload = Mapping[str, Any]
PlacePair = tuple[int, int]
"""Partition and offset of an upload."""
PlacePairOf = tuple[str, int]
"""Topic and partition."""


@dataclass
class Stream:
    """One product's stream of one test.

    Attributes:
        sent: Each record that Kafka took, by its place.
        program: What `start` starts: a Python program and its first arguments.
        began: Where topics that are shared with other tests ended when this stream began.
    """

    settings: EngineSettings
    product: Product
    partitions: int
    sent: dict[PlacePair, bytes] = field(default_factory=dict)
    workers: list[subprocess.Popen[bytes]] = field(default_factory=list)
    program: tuple[str, ...] = (str(WORKER),)
    began: dict[PlacePairOf, int] = field(default_factory=dict)

    def produce(self, uploads: Sequence[Upload | bytes], partition: int = 0, key: bytes | None = None) -> None:
        """Uploads, in this order, under their devices' keys."""
        producer = Producer({"bootstrap.servers": self.settings.kafka, "linger.ms": 5, "enable.idempotence": True})

        def remember(error: KafkaError | None, message: Message) -> None:
            assert error is None, error
            self.sent[partition, int(message.offset() or 0)] = message.value() or b""

        for upload in uploads:
            value = upload if isinstance(upload, bytes) else json.dumps(upload).encode()
            own_key = key if isinstance(upload, bytes) else str(upload["device_id"]).encode()
            producer.produce(self.product.telemetry, value, own_key, partition, on_delivery=remember)
        producer.flush()

    def open(self, partition: int = 0, **changed: Any) -> Partition:
        """A partition opened as a worker does."""
        place = Place(self.product.telemetry, partition)
        topics = Topics(self.settings.kafka)
        settings = replace(self.settings, **changed)
        return Partition(settings, self.product, place, lambda kept: topics.first_position(place, kept))

    def runs(self, start: int, size: int, partition: int = 0) -> Iterator[Run]:
        """What has been produced from an offset on, in runs of that many records."""
        place = Place(self.product.telemetry, partition)
        records = [
            ConsumerRecord(
                place.topic, partition, message.offset() or 0, message.timestamp()[1], message.timestamp()[0],
                message.key(), message.value(), None, 0, 0, (),
            )
            for message in self.read(place.topic)
            if message.partition() == partition and (message.offset() or 0) >= start
        ]  # fmt: skip
        for first in range(0, len(records), size):
            chosen = records[first : first + size]
            yield Run(place, chosen, chosen[0].offset, chosen[-1].offset + 1)

    def read(self, topic: str, isolation: str = "read_committed") -> list[Message]:
        """All committed records of a topic; with `read_uncommitted` those of cut transactions too."""
        consumer = Consumer(
            {
                "bootstrap.servers": self.settings.kafka,
                "group.id": f"it-{uuid4().hex}",
                "enable.auto.commit": False,
                "isolation.level": isolation,
                "enable.partition.eof": True,
                "fetch.wait.max.ms": 10,
            }
        )
        known = consumer.list_topics(topic, timeout=10).topics[topic].partitions
        begin = [TopicPartition(topic, number, self.began.get((topic, number), OFFSET_BEGINNING)) for number in known]
        consumer.assign(begin)
        messages: list[Message] = []
        ended: set[int] = set()
        deadline_s = time.monotonic() + PATIENCE_S
        while len(ended) < len(known):
            assert time.monotonic() < deadline_s, f"{topic} does not end"
            for message in consumer.consume(500, timeout=0.05):
                error = message.error()
                if error is None:
                    messages.append(message)
                else:
                    assert error.code() == KafkaError._PARTITION_EOF, error
                    ended.add(message.partition() or 0)
        consumer.close()
        return messages

    def receipts(self, isolation: str = "read_committed") -> list[dict[str, Any]]:
        frames = [read_frame(message.value() or b"") for message in self.read(RECEIPTS, isolation)]
        return [row for frame in frames for row in frame.to_pylist() if row["topic"] == self.product.telemetry]

    def readings(self) -> int:
        return sum(read_frame(message.value() or b"").num_rows for message in self.read(self.product.readings))

    def failed(self) -> dict[PlacePair, tuple[str, bytes]]:
        """Reason and bytes of each failed event by place; each at most once."""
        found: dict[PlacePair, tuple[str, bytes]] = {}
        for message in self.read(FAILED_EVENTS):
            carried = cast(list[tuple[str, bytes]], message.headers())
            headers = {name: value.decode() for name, value in carried}
            if headers["topic"] == self.product.telemetry:
                place = int(headers["partition"]), int(headers["offset"])
                assert place not in found, f"{place} failed twice"
                found[place] = headers["reason"], message.value() or b""
        return found

    def sessions(self) -> dict[str, dict[str, Any]]:
        """The newest version of each session; versions only rise."""
        newest: dict[str, dict[str, Any]] = {}
        for message in self.read(self.product.sessions):
            session = json.loads(message.value() or b"")
            before = newest.get(session["session_id"])
            assert before is None or before["version"] < session["version"], "a version is told twice, or falls"
            newest[session["session_id"]] = session
        return newest

    def count(self) -> int:
        """How many uploads have been accounted for."""
        return len(self.receipts()) + len(self.failed())

    def start(
        self, slot: int = 0, crash_at: str = "", log: Path | None = None, **differing: Any
    ) -> subprocess.Popen[bytes]:
        """A worker as a process of its own.

        Args:
            log: Gets what it says on stderr.
            differing: Settings other than those of all test workers.
        """
        topics = [self.product.telemetry, self.product.readings, self.product.sessions]
        arguments = [self.settings.kafka, self.settings.app, str(slot), *topics, json.dumps(differing)]
        with log.open("ab") if log is not None else nullcontext() as stderr:
            worker = subprocess.Popen(
                [sys.executable, *self.program, *arguments],
                env={**os.environ, "PYTHONPATH": str(ROOT), VARIABLE: crash_at},
                stderr=stderr,
            )
        self.workers.append(worker)
        return worker

    def wait_for(self, uploads: int) -> None:
        """Wait until that many uploads are accounted for: Kafka shows a transaction a moment after its commit."""
        deadline_s = time.monotonic() + PATIENCE_S
        while True:
            exit_codes = [worker.poll() for worker in self.workers]
            if exit_codes and None not in exit_codes:
                self.quiet()
            found = self.count()
            if found >= uploads:
                return
            assert time.monotonic() < deadline_s, f"{found} of {uploads} uploads after {PATIENCE_S} s"
            assert not exit_codes or None in exit_codes, f"no worker is left: exit codes {exit_codes}"
            time.sleep(0.3)

    def open_transactions(self) -> list[str]:
        """Partitions whose end readers of committed records do not see yet."""
        product = self.product
        topics = (RECEIPTS, FAILED_EVENTS, product.readings, product.sessions,
                  state_topic(self.settings.app, product.telemetry).name)  # fmt: skip
        places = [TopicPartition(topic, number) for topic in topics for number in range(self.partitions)]
        every, committed = (ends_of(self.settings.kafka, places, level) for level in IsolationLevel)
        return [f"{topic}[{number}]" for (topic, number), end in every.items() if committed[topic, number] != end]

    def quiet(self) -> None:
        """Wait until readers see all that was committed: Kafka shows a transaction a moment after its commit."""
        deadline_s = time.monotonic() + PATIENCE_S
        while places := self.open_transactions():
            assert time.monotonic() < deadline_s, f"open for {PATIENCE_S} s: {places}"
            time.sleep(0.02)

    def remake(self) -> None:
        """Delete the input topic and make it again. Kafka says it is gone before it has forgotten the name."""
        topic = self.product.telemetry
        admin = AdminClient({"bootstrap.servers": self.settings.kafka})
        admin.delete_topics([topic])[topic].result()
        deadline_s = time.monotonic() + PATIENCE_S
        while topic in partition_counts(self.settings.kafka):
            assert time.monotonic() < deadline_s
            time.sleep(0.1)
        ensure_topics(self.settings.kafka, [replace(BY_NAME[TELEMETRY_WASHER], name=topic)], self.partitions)

    def shown_lag(self) -> int:
        """Records between the group's shown offsets and the ends."""
        consumer = Consumer({"bootstrap.servers": self.settings.kafka, "group.id": self.settings.app})
        places = [TopicPartition(self.product.telemetry, number) for number in range(self.partitions)]
        shown = {place.partition: max(place.offset, 0) for place in consumer.committed(places, timeout=10)}
        ends = {place.partition: consumer.get_watermark_offsets(place, timeout=10)[1] for place in places}
        consumer.close()
        return sum(ends[number] - shown[number] for number in ends)

    def assert_exactly_once(self, intact: Sequence[Upload]) -> None:
        """Each upload was accepted, a duplicate or failed, once; accepted are all intact ones, each once.

        Args:
            intact: What was sent and obeys the contract, repeats included, none of it late.
        """
        self.wait_for(len(self.sent))
        receipts, failed = self.receipts(), self.failed()
        places = [(row["partition"], row["offset"]) for row in receipts]
        assert sorted([*places, *failed]) == sorted(self.sent), "every upload is accounted for once"
        assert {place: value for place, (_, value) in failed.items()} == {place: self.sent[place] for place in failed}
        accepted = sorted((row["device_id"], row["seq"]) for row in receipts if row["outcome"] == "accepted")
        once = {(upload["device_id"], upload["seq"]): upload for upload in intact}
        assert accepted == sorted(once), "every intact upload is accepted once"
        assert self.readings() == sum(len(upload["offset_ms"]) for upload in once.values())
        expected = Oracle("cycle", list(once.values())).sessions()
        found = self.sessions()
        assert found.keys() == expected.keys()
        wrong = [name for name, session in found.items() if not closely(session, expected[name])]
        assert not wrong, f"sessions {wrong} are wrong"

    def end(self) -> None:
        for worker in self.workers:
            if worker.poll() is None:
                worker.send_signal(signal.SIGKILL)
            worker.wait()


def ends_of(
    kafka: str, places: Sequence[TopicPartition], level: IsolationLevel = IsolationLevel.READ_UNCOMMITTED
) -> dict[PlacePairOf, int]:
    """Where partitions end for readers of that kind."""
    asked = {place: OffsetSpec.latest() for place in places}  # type: ignore[no-untyped-call]
    admin = AdminClient({"bootstrap.servers": kafka, "log_level": 0})  # kept until the answer: it dies with its client
    answer = admin.list_offsets(asked, isolation_level=level, request_timeout=10)
    return {(place.topic, place.partition): end.result().offset for place, end in answer.items()}


def a_stream(kafka: str, partitions: int) -> Stream:
    """A stream of washing machines with topics of its own."""
    telemetry, readings, sessions = (
        replace(BY_NAME[name], name=f"it-{uuid4().hex}")
        for name in (WASHER.telemetry, WASHER.readings, WASHER.sessions)
    )
    product = replace(WASHER, telemetry=telemetry.name, readings=readings.name, sessions=sessions.name)
    settings = EngineSettings(kafka, app=f"it-{uuid4().hex}", checkpoint_s=0.1)
    ensure_topics(kafka, [telemetry, readings, sessions, state_topic(settings.app, telemetry.name)], partitions)
    counts = partition_counts(kafka)
    shared = [TopicPartition(topic, number) for topic in (RECEIPTS, FAILED_EVENTS) for number in range(counts[topic])]
    return Stream(settings, product, partitions, began=ends_of(kafka, shared))


@pytest.fixture
def make_stream(kafka_bootstrap: str) -> Iterator[Callable[[int], Stream]]:
    """`make_stream(partitions)`."""
    made: list[Stream] = []

    def make(partitions: int) -> Stream:
        made.append(a_stream(kafka_bootstrap, partitions))
        return made[-1]

    yield make
    for stream in made:
        stream.end()


@pytest.fixture
def stream(make_stream: Callable[[int], Stream]) -> Stream:
    """A stream with one partition."""
    return make_stream(1)
