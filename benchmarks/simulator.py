"""How fast `vaxel simulate --load` hands uploads to Kafka, and what memory many devices take.

In:            templates of the simulated fleet; a broker of its own.
Out:           acknowledged uploads a second, from the first upload made to the truth complete on disk; peak memory of
               the process. A fresh process and other devices for each run.
Guarantee:     the truth that a run wrote is compared with Kafka: the place of every record, and the content of the
               first thousands of each partition. A truth that is wrong has no speed.
On failure:    the broker and its files are removed, also on Ctrl-C.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from confluent_kafka import Consumer, KafkaException, TopicPartition

from benchmarks.engine.broker import Broker, measured_broker
from deploy.topics import ensure_topics
from schemas.errors import UnreachableError
from schemas.topics import BY_NAME, DEFAULT_PARTITIONS, TELEMETRY
from schemas.truth import RECORDS_FILE

LOOKED_AT = 5_000
"""Records of each partition whose content is compared."""
ANSWER_S = 30.0
LOOK_AGAIN_S = 0.2

Ends = dict[tuple[str, int], int]


@dataclass(frozen=True)
class Fleet:
    """Who sends."""

    name: str
    washers: int
    shoes: int


FLEETS = (
    Fleet("5,000 washers", 5_000, 0),
    Fleet("2,500 washers, 2,500 shoes", 2_500, 2_500),
    Fleet("500,000 washers, 500,000 shoes", 500_000, 500_000),
)


@dataclass(frozen=True)
class Lap:
    """What a fresh process says of its load. All seconds but `prepared_s` are of `sent_s`.

    Attributes:
        prepared_s: Until templates and devices were there.
        sent_s: From the first upload made to the truth complete on disk.
        cpu_s: Processor time of the process, the client library's threads included.
        broker_cpu_s: Of the broker.
        busy_s: Of the whole machine, all of these included.
        peak_bytes: The most memory that the process ever held; None where the system does not tell.
    """

    truth: str
    acknowledged: int
    readings: int
    value_bytes: float
    prepared_s: float
    sent_s: float
    cpu_s: float
    broker_cpu_s: float
    busy_s: float
    peak_bytes: int | None


@dataclass(frozen=True)
class Measured:
    """All runs of one fleet.

    Attributes:
        wrong: What their truths say wrongly; nothing if they are right.
    """

    fleet: Fleet
    laps: list[Lap]
    wrong: list[str]

    @property
    def speeds(self) -> list[float]:
        """Uploads a second of each run, ascending."""
        return sorted(lap.acknowledged / lap.sent_s for lap in self.laps)

    def summary(self) -> dict[str, float | None]:
        """The figures that documents quote: medians, and the highest peak."""
        peaks = [lap.peak_bytes for lap in self.laps if lap.peak_bytes is not None]
        return {
            "uploads_per_s": None if self.wrong else median(self.speeds),
            "uploads_per_cpu_s": median(lap.acknowledged / lap.cpu_s for lap in self.laps),
            "readings_per_upload": median(lap.readings / lap.acknowledged for lap in self.laps),
            "bytes_per_upload": median(lap.value_bytes for lap in self.laps),
            "cores": median(lap.cpu_s / lap.sent_s for lap in self.laps),
            "broker_cores": median(lap.broker_cpu_s / lap.sent_s for lap in self.laps),
            "other_cores": median(
                max(0.0, lap.busy_s - lap.cpu_s - lap.broker_cpu_s) / lap.sent_s for lap in self.laps
            ),
            "sent_s": median(lap.sent_s for lap in self.laps),
            "prepared_s": median(lap.prepared_s for lap in self.laps),
            "peak_bytes": max(peaks) if peaks else None,
        }


def measure(upload_count: int, runs: int, say: Callable[[str], None]) -> list[Measured]:
    """Every fleet so many times, by turns.

    Raises:
        OutsideError: no broker could be started.
    """
    measured = [Measured(fleet, [], []) for fleet in FLEETS]
    with measured_broker(None, DEFAULT_PARTITIONS, say) as broker:
        ensure_topics(broker.kafka, [BY_NAME[name] for name in TELEMETRY], DEFAULT_PARTITIONS)
        for seed in range(runs):
            for one in measured:
                say(f"{one.fleet.name}: {upload_count:,} uploads, run {seed + 1} of {runs}")
                before = _ends(broker.kafka)
                lap = _in_fresh_process(broker, one.fleet, upload_count, seed)
                one.laps.append(lap)
                one.wrong.extend(_wrong(broker.kafka, before, lap, upload_count))
    return measured


def _in_fresh_process(broker: Broker, fleet: Fleet, upload_count: int, seed: int) -> Lap:
    """A process of its own, so that its memory holds nothing else."""
    numbers = [upload_count, fleet.washers, fleet.shoes, seed, broker.pid]
    program = [sys.executable, "-m", "benchmarks.simulator_process", broker.kafka, str(broker.folder)]
    said = subprocess.run([*program, *map(str, numbers)], stdout=subprocess.PIPE, check=True).stdout
    return Lap(**json.loads(said))


def _wrong(kafka: str, before: Ends, lap: Lap, upload_count: int) -> list[str]:
    """What of the truth is not what Kafka holds."""
    truth = pq.read_table(Path(lap.truth) / RECORDS_FILE, columns=["topic", "partition", "offset", "device_id", "seq"])
    if not truth.num_rows == lap.acknowledged == upload_count:
        return [f"{upload_count} uploads, {lap.acknowledged} acknowledged, {truth.num_rows} in the truth"]
    wrong = []
    topics, partitions = truth["topic"], np.asarray(truth["partition"])
    for (topic, number), end in _ends(kafka).items():
        of_place = pa.array((np.asarray(topics) == topic) & (partitions == number))
        told = truth.filter(of_place).sort_by("offset")
        start = before.get((topic, number), 0)
        if not np.array_equal(np.asarray(told["offset"]), np.arange(start, end)):
            wrong.append(f"{topic}[{number}] holds [{start}, {end}), the truth {told.num_rows} others")
            continue
        few = told.slice(0, LOOKED_AT)
        true = list(zip(few["device_id"].to_pylist(), few["seq"].to_pylist(), strict=True))
        if true != list(_held(kafka, topic, number, start, len(true))):
            wrong.append(f"{topic}[{number}] holds other uploads than the truth from offset {start} on")
    return wrong


def _held(kafka: str, topic: str, number: int, start: int, count: int) -> Iterator[tuple[str, int]]:
    """Device and number of so many uploads from an offset on."""
    consumer = Consumer({"bootstrap.servers": kafka, "group.id": "vaxel.bench", "enable.auto.commit": False})
    consumer.assign([TopicPartition(topic, number, start)])
    try:
        while count:
            messages = consumer.consume(count, timeout=ANSWER_S)
            if not messages:
                raise UnreachableError(f"Kafka at {kafka} has been silent for {ANSWER_S:.0f} s")
            count -= len(messages)
            for upload in (json.loads(message.value() or b"{}") for message in messages):
                yield upload["device_id"], upload["seq"]
    finally:
        consumer.close()


def _ends(kafka: str) -> Ends:
    """Where the next record of each telemetry partition will be."""
    consumer = Consumer({"bootstrap.servers": kafka, "group.id": "vaxel.bench"})
    try:
        places = [TopicPartition(topic, number) for topic in TELEMETRY for number in range(DEFAULT_PARTITIONS)]
        return {(place.topic, place.partition): _end(consumer, place) for place in places}
    finally:
        consumer.close()


def _end(consumer: Consumer, place: TopicPartition) -> int:
    give_up_s = time.monotonic() + ANSWER_S
    while True:
        try:
            _, end = consumer.get_watermark_offsets(place, timeout=ANSWER_S)
        except KafkaException as error:  # a new partition has no leader at first
            if time.monotonic() > give_up_s:
                raise UnreachableError(f"Kafka does not tell where {place} ends: {error.args[0].str()}") from error
            time.sleep(LOOK_AGAIN_S)
        else:
            return int(end)


def as_json(measured: list[Measured]) -> list[dict[str, object]]:
    """Everything, for programs."""
    return [asdict(one) | one.summary() for one in measured]
