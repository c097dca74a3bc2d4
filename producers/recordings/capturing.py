"""Reads a segment of a topic.

In:            Kafka (read_committed), one topic, from a place or time to another: [first, end) of each partition.
Out:           records in chunks, in order within a partition.
Guarantee:     exactly the committed records that were there when the reading began; nothing is committed or moved.
On failure:    `UnreachableError`; what was read so far is no capture.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from threading import Event
from typing import Any

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from producers.recordings.captured import CapturedRecord
from schemas.errors import UnreachableError, UsageError

ANSWER_S = 10.0
LOOK_S = 0.2
SILENT_S = 20.0
RECORDS_AT_ONCE = 5_000
CHUNK_BYTES = 16 * 1024 * 1024
LARGEST_BYTES = 2_000_000_000
"""Also the limit for what unpacks: a megabyte of Kafka's may hold far more."""


@dataclass(frozen=True)
class Instant:
    """A moment by Kafka's own stamps."""

    at_ms: int


Bound = int | Instant | None
"""An offset, a moment, or as far as there is something."""

Extents = dict[int, tuple[int, int]]
"""First and next offset, by partition."""


def bound_of(text: str | None, option: str) -> Bound:
    """A bound as somebody types it: an offset, or an ISO 8601 time (UTC where it names no zone).

    Kafka's stamps begin in 1970, and it takes negative ones for words: an earlier time is that beginning.

    Raises:
        UsageError: it is neither.
    """
    if text is None:
        return None
    if re.fullmatch(r"[0-9]{1,18}", text):
        return int(text)
    try:
        at = datetime.fromisoformat(text)
    except ValueError as error:
        raise UsageError(
            f"{option} {text!r} is neither an offset nor a time; 1200 and 2026-05-03T07:00Z are accepted"
        ) from error
    at_ms = round((at if at.tzinfo is not None else at.replace(tzinfo=UTC)).timestamp() * 1000)
    return Instant(max(at_ms, 0))


def is_reversed(first: Bound, end: Bound) -> bool:
    """Whether a segment would end before it begins, as far as the bounds are of one kind."""
    if isinstance(first, Instant) and isinstance(end, Instant):
        return first.at_ms > end.at_ms
    return isinstance(first, int) and isinstance(end, int) and first > end


class Segment:
    """A part of a topic, fixed when it is opened. Use it as a context manager."""

    def __init__(self, kafka: Mapping[str, str], topic: str, first: Bound, end: Bound) -> None:
        """Find the segment's extents.

        Raises:
            UnreachableError: Kafka does not answer.
            UsageError: there is no such topic.
        """
        self._kafka, self.topic = kafka["bootstrap.servers"], topic
        settings: dict[str, Any] = {
            "group.id": "vaxel.capture",
            "enable.auto.commit": False,
            "enable.partition.eof": True,
            "isolation.level": "read_committed",
            "allow.auto.create.topics": False,
            "auto.offset.reset": "error",  # what Kafka lets go of meanwhile is missed, not passed over
            "fetch.wait.max.ms": 10,
            "queued.max.messages.kbytes": 65_536,
            "receive.message.max.bytes": LARGEST_BYTES,
            "log_level": 0,
            **kafka,
        }
        self._consumer = Consumer(settings)
        try:
            numbers = self._partitions()
            self.partition_count = len(numbers)
            held = {number: self._watermarks(number) for number in numbers}
            firsts, ends = self._offsets(first, held, 0), self._offsets(end, held, 1)
        except KafkaException as error:
            self._consumer.close()
            raise self._silent(error.args[0].str()) from error
        except UsageError:
            self._consumer.close()
            raise
        self.held: Extents = held
        self.extents: Extents = {
            number: (firsts[number], ends[number]) for number in numbers if firsts[number] < ends[number]
        }

    def __enter__(self) -> Segment:
        return self

    def __exit__(self, *_: object) -> None:
        self._consumer.close()

    @property
    def offset_count(self) -> int:
        """Offsets in the segment; records are fewer where some were compacted or belong to transactions."""
        return sum(end - first for first, end in self.extents.values())

    def chunks(self, stop: Event) -> Iterator[list[CapturedRecord]]:
        """All records, or those read before `stop` was set; about `CHUNK_BYTES` at a time.

        Raises:
            UnreachableError: Kafka is silent for `SILENT_S`.
        """
        open_places = dict(self.extents)
        self._consumer.assign([TopicPartition(self.topic, number, first) for number, (first, _) in open_places.items()])
        chunk: list[CapturedRecord] = []
        size_bytes, silent_s = 0, 0.0
        while open_places and not stop.is_set():
            messages = self._consumer.consume(RECORDS_AT_ONCE, timeout=LOOK_S)
            silent_s = 0.0 if messages else silent_s + LOOK_S
            if silent_s > SILENT_S:
                raise self._silent(f"silent for {SILENT_S:.0f} s")
            for message in messages:
                number, error = message.partition() or 0, message.error()
                if error is not None and error.code() != KafkaError._PARTITION_EOF:
                    raise self._silent(error.str())
                if number not in open_places:
                    continue
                next_offset = (message.offset() or 0) + (error is None)
                if error is None and next_offset <= open_places[number][1]:
                    chunk.append(_record(message))
                    size_bytes += chunk[-1].size_bytes
                if error is not None or next_offset >= open_places[number][1]:
                    del open_places[number]
                    self._consumer.incremental_unassign([TopicPartition(self.topic, number)])
                if len(chunk) >= RECORDS_AT_ONCE or size_bytes >= CHUNK_BYTES:
                    yield chunk
                    chunk, size_bytes = [], 0
        yield chunk

    def _partitions(self) -> list[int]:
        known = self._consumer.list_topics(timeout=ANSWER_S).topics
        if self.topic not in known:
            names = ", ".join(sorted(name for name in known if not name.startswith("__")))
            raise UsageError(f"Kafka at {self._kafka} has no topic {self.topic!r}; it has {names or 'none'}")
        return sorted(known[self.topic].partitions)

    def _watermarks(self, number: int) -> tuple[int, int]:
        low, high = self._consumer.get_watermark_offsets(TopicPartition(self.topic, number), timeout=ANSWER_S)
        return low, high

    def _offsets(self, bound: Bound, held: Extents, side: int) -> dict[int, int]:
        """Where the bound lies in each partition, never outside of what Kafka holds."""
        if bound is None:
            return {number: places[side] for number, places in held.items()}
        if isinstance(bound, int):
            return {number: min(max(bound, low), high) for number, (low, high) in held.items()}
        asked = [TopicPartition(self.topic, number, bound.at_ms) for number in held]
        found = self._consumer.offsets_for_times(asked, timeout=ANSWER_S)
        # No record that late: the bound is behind all of them.
        return {place.partition: held[place.partition][1] if place.offset < 0 else place.offset for place in found}

    def _silent(self, why: str) -> UnreachableError:
        return UnreachableError(f"Kafka at {self._kafka} does not read {self.topic}: {why}")


def _record(message: Any) -> CapturedRecord:
    headers = [(name, value.encode() if isinstance(value, str) else value) for name, value in message.headers() or []]
    _, stamp_ms = message.timestamp()
    return CapturedRecord(message.partition(), message.offset(), stamp_ms, message.key(), message.value(), headers)
