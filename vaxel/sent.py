"""Every record that Kafka holds in the telemetry topics: its place and a digest. The witness for what was sent."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import cast

import numpy as np
import pyarrow as pa
from confluent_kafka import Consumer, KafkaError, Message, TopicPartition

from schemas.errors import UnreachableError
from schemas.failures import KEPT_BYTES, REPAIRED_HEADER
from streams.logs import QUIET
from vaxel.progress import Intake

LOOK_S = 0.2
SILENT_S = 20.0
AT_ONCE = 20_000
LARGEST_BYTES = 2_000_000_000

_Record = tuple[int, str, bool]
"""Offset, digest, whether it was repaired."""


@dataclass(frozen=True)
class Sent:
    """What Kafka holds.

    Attributes:
        records: topic, partition, offset of each telemetry record, MD5 (`digest`) of the bytes a refusal keeps, and
            whether it came back from the failed events (`is_repaired`).
        extents: topic, partition, and what it holds, offsets [low, high); also of a partition that is empty by now.
    """

    records: pa.Table
    extents: pa.Table


def sent_places(kafka: str) -> Sent:
    """Every record in the telemetry topics, and how far Kafka holds them."""
    intake = Intake(kafka)
    try:
        ends = intake.ends()
    finally:
        intake.close()
    consumer = Consumer(
        {
            "bootstrap.servers": kafka,
            "group.id": "vaxel.verify",
            "enable.auto.commit": False,
            "enable.partition.eof": True,
            "fetch.wait.max.ms": 10,
            "queued.max.messages.kbytes": 65_536,
            # Also the limit for what unpacks: a megabyte of Kafka's may hold far more, and a worker has read it.
            "receive.message.max.bytes": LARGEST_BYTES,
            **QUIET,
        }
    )
    found: dict[tuple[str, int], list[_Record]] = {place: [] for place in ends}
    open_places = {place for place, (low, high) in ends.items() if low < high}
    consumer.assign([TopicPartition(topic, number, ends[topic, number][0]) for topic, number in sorted(open_places)])
    silent_s = 0.0
    try:
        while open_places:
            messages = consumer.consume(AT_ONCE, timeout=LOOK_S)
            silent_s = 0.0 if messages else silent_s + LOOK_S
            if silent_s > SILENT_S:
                raise UnreachableError(f"Kafka at {kafka} has been silent for {SILENT_S:.0f} s")
            for message in messages:
                place = (message.topic() or "", message.partition() or 0)
                error = message.error()
                if error is None:
                    kept = (message.value() or b"")[:KEPT_BYTES]
                    digest = hashlib.md5(kept, usedforsecurity=False).hexdigest()
                    found[place].append((message.offset() or 0, digest, _is_repaired(message)))
                elif error.code() == KafkaError._PARTITION_EOF:
                    open_places.discard(place)
                else:
                    raise UnreachableError(f"Kafka at {kafka} does not read {place[0]}[{place[1]}]: {error.str()}")
    finally:
        consumer.close()
    return Sent(_records(found), _extents(ends))


def _extents(ends: dict[tuple[str, int], tuple[int, int]]) -> pa.Table:
    columns = list(zip(*((topic, number, low, high) for (topic, number), (low, high) in ends.items()), strict=True))
    return pa.table(dict(zip(("topic", "partition", "low", "high"), columns, strict=True)))


def _is_repaired(message: Message) -> bool:
    headers = cast("list[tuple[str, bytes]]", message.headers() or [])
    return any(name == REPAIRED_HEADER for name, _ in headers)


def _records(found: dict[tuple[str, int], list[_Record]]) -> pa.Table:
    counts = [len(records) for records in found.values()]
    records = [record for in_partition in found.values() for record in in_partition]
    return pa.table(
        {
            "topic": np.repeat([topic for topic, _ in found], counts),
            "partition": np.repeat(np.array([number for _, number in found], dtype=np.int64), counts),
            "offset": np.array([offset for offset, _, _ in records], dtype=np.int64),
            "digest": pa.array([digest for _, digest, _ in records], pa.string()),
            "is_repaired": np.array([is_repaired for _, _, is_repaired in records], dtype=bool),
        }
    )
