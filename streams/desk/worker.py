"""A desk: one process, some partitions, the same ones of all its inputs.

In:            `streams.desk.reading.INPUTS`, read committed.
Out:           usage, insights, alerts, completeness, commands, minutes of the fleet, state.
Guarantee:     exactly once per partition (`streams.desk.partition`).
On failure:    the process ends (exit code 70) and is started again; SIGINT and SIGTERM finish and commit first.
"""

from __future__ import annotations

import logging
import time
from collections import defaultdict
from collections.abc import Callable, Collection
from typing import Any

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from schemas.errors import OutsideError, SlotTakenError, VaxelError
from schemas.topics import DESK, FRAME_BYTES
from streams.batch import Place
from streams.desk.partition import DeskPartition
from streams.desk.reading import INPUTS, Record
from streams.ending import die
from streams.logs import KAFKA_LOG, Format, configure, tell
from streams.memory import Position
from streams.positions import Topics
from streams.settings import EngineSettings

LOOK_S = 0.1
IDLE_S = 1.0
"""How long a partition's inputs are at rest until what is told now and then is told."""
MESSAGES = 200
"""Taken in at once at most: frames hold up to 100,000 rows."""
QUEUED_KB = 64 * 1024


class Desk:
    """The partitions that the group has given to this process."""

    def __init__(self, settings: EngineSettings, accepted_topics: Collection[str] = ()) -> None:
        """Join the group.

        Args:
            accepted_topics: Inputs that are read from their first offset where a kept position does not fit them.
        """
        self._settings = settings
        self._accepted = frozenset(accepted_topics)
        self._topics = Topics(settings.kafka)
        self._partitions: dict[int, DeskPartition] = {}
        self._at_end: defaultdict[int, set[str]] = defaultdict(set)
        self._busy_s: dict[int, float] = {}
        self._uncommitted_since_s: dict[int, float] = {}
        self._consumer = Consumer(
            {
                "bootstrap.servers": settings.kafka,
                "group.id": f"{settings.app}.{DESK}",
                # The same share of every topic: partition n of all inputs goes to one process.
                "partition.assignment.strategy": "range",
                "enable.auto.commit": False,
                "enable.auto.offset.store": False,
                "auto.offset.reset": "error",
                "isolation.level": "read_committed",
                "enable.partition.eof": True,
                "session.timeout.ms": int(settings.session_timeout_s * 1000),
                "heartbeat.interval.ms": int(settings.session_timeout_s * 250),
                "fetch.wait.max.ms": 100,
                "fetch.message.max.bytes": FRAME_BYTES,
                "queued.max.messages.kbytes": QUEUED_KB,
                "reconnect.backoff.ms": 500,
                **({} if settings.slot is None else {"group.instance.id": f"{settings.app}.{DESK}-{settings.slot}"}),
                **KAFKA_LOG,
            }
        )
        self._consumer.subscribe(list(INPUTS), on_assign=self._assigned, on_revoke=self._revoked, on_lost=self._lost)

    def turn(self) -> None:
        """Take in what has come, and commit what is due.

        Raises:
            OutsideError: a record cannot be read, or Kafka refuses.
            KafkaException: what was taken in is in doubt.
        """
        now_s = time.monotonic()
        taken: defaultdict[int, list[Record]] = defaultdict(list)
        ends: dict[tuple[int, str], int] = {}
        for message in self._consumer.consume(MESSAGES, LOOK_S):
            self._sort(message, taken, ends)
        for number, records in taken.items():
            if number in self._partitions:
                self._partitions[number].apply(records)
                self._busy_s[number] = now_s
        for (number, topic), offset in ends.items():
            if number in self._partitions:
                self._partitions[number].pass_over(topic, offset)
        for number, partition in self._partitions.items():
            is_idle = len(self._at_end[number]) == len(INPUTS) and now_s - self._busy_s[number] >= IDLE_S
            partition.speak(int(time.time() * 1000), is_idle=is_idle)  # noqa: TID251  (a shell)
            self._commit_in_time(number, partition, now_s)

    def close(self) -> None:
        """Commit everything and leave."""
        for partition in self._partitions.values():
            partition.commit()
        self._partitions.clear()
        self._consumer.close()

    def _sort(self, message: Any, taken: defaultdict[int, list[Record]], ends: dict[tuple[int, str], int]) -> None:
        """Put a message where it belongs: a record, or the end of a partition up to where nothing is committed."""
        topic, number, offset, error = message.topic(), message.partition(), message.offset(), message.error()
        if error is None:
            headers = tuple(message.headers() or ())
            taken[number].append(Record(topic, offset, message.key(), message.value(), headers))
            self._at_end[number].discard(topic)
        elif error.code() == KafkaError._PARTITION_EOF:
            self._at_end[number].add(topic)
            ends[number, topic] = offset
        elif error.code() in (KafkaError.FENCED_INSTANCE_ID, KafkaError._FATAL):
            raise SlotTakenError(f"another desk runs in slot {self._settings.slot}, or took this one's place")
        elif error.code() in (KafkaError._AUTO_OFFSET_RESET, KafkaError.OFFSET_OUT_OF_RANGE):
            raise OutsideError(f"topic {topic} no longer holds what comes next: {error.str()}. Start the desk again")
        elif not error.retriable():
            tell(logging.WARNING, "Kafka refuses", topic=topic, partition=number, why=error.str())

    def _commit_in_time(self, number: int, partition: DeskPartition, now_s: float) -> None:
        if not partition.has_uncommitted:
            return
        since_s = self._uncommitted_since_s.setdefault(number, now_s)
        is_full = partition.uncommitted_records >= self._settings.checkpoint_uploads
        if is_full or now_s - since_s >= self._settings.checkpoint_s:
            partition.commit()
            del self._uncommitted_since_s[number]
            self._show(partition)

    def _show(self, partition: DeskPartition) -> None:
        """Move the group's offsets, for tools that show lag; never read."""
        offsets = [
            TopicPartition(topic, partition.partition, kept.next_offset)
            for topic, kept in partition.position.inputs.items()
        ]
        try:
            self._consumer.commit(offsets=offsets, asynchronous=True)
        except KafkaException:
            tell(logging.INFO, "the group's offsets could not be moved", partition=partition.partition)

    def _assigned(self, consumer: Consumer, given: list[TopicPartition]) -> None:
        by_number: defaultdict[int, set[str]] = defaultdict(set)
        for place in given:
            by_number[place.partition].add(place.topic)
        for number, topics in by_number.items():
            if len(topics) < len(INPUTS):
                missing = ", ".join(sorted(set(INPUTS) - topics))
                raise OutsideError(f"partition {number} came without {missing}: all inputs need as many partitions")
        started_s = time.monotonic()
        where = []
        for number in sorted(by_number):
            partition = self._partitions[number] = DeskPartition(self._settings, number, self._first_offset)
            self._at_end.pop(number, None)
            self._busy_s[number] = time.monotonic()
            where += [
                TopicPartition(topic, number, kept.next_offset) for topic, kept in partition.position.inputs.items()
            ]
        consumer.assign(where)
        tell(
            logging.INFO,
            "partitions assigned",
            partitions=sorted(by_number),
            seconds=round(time.monotonic() - started_s, 3),
        )

    def _first_offset(self, place: Place, kept: Position | None) -> Position:
        return self._topics.first_position(place, None if place.topic in self._accepted else kept)

    def _revoked(self, _consumer: Consumer, _given: list[TopicPartition]) -> None:
        for partition in self._partitions.values():
            partition.commit()
        self._forget()

    def _lost(self, _consumer: Consumer, _given: list[TopicPartition]) -> None:
        """Others have them already: what is uncommitted here is done again there."""
        self._forget()

    def _forget(self) -> None:
        self._partitions.clear()
        self._uncommitted_since_s.clear()


def run_desk(
    settings: EngineSettings,
    is_stopped: Callable[[], bool],
    accepted_topics: Collection[str] = (),
    log_level: str = "WARNING",
    log_format: Format = "text",
) -> None:
    """Run a desk until it is stopped. In doubt the process ends at once."""
    configure(log_level, log_format)
    tell(logging.INFO, "desk starts", slot=settings.slot)
    desk = Desk(settings, accepted_topics)
    try:
        while not is_stopped():
            desk.turn()
        desk.close()
    except (KafkaException, VaxelError) as error:
        die("desk", error)
    tell(logging.INFO, "desk stopped")
