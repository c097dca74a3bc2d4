"""The sink's side of Kafka: what the topics hold, and a consumer that reads on from the lake's positions."""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any

from confluent_kafka import Consumer, IsolationLevel, KafkaError, KafkaException, TopicCollection, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec  # type: ignore[attr-defined]

from schemas.errors import OutsideError, UnreachableError
from sinks.lake.decode import Record
from sinks.lake.positions import Extent, Place, Position

ANSWER_WITHIN_S = 10.0
FETCH_BYTES = 8 * 1024 * 1024
ANSWER_BYTES = 2 * FETCH_BYTES
"""Most that one answer of a broker holds."""
QUEUED_KB = 32 * 1024
"""Most that waits in memory between Kafka and the batch; one answer more may come on top."""

_LOG = logging.getLogger(__name__)
_UNKNOWN = (KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError._UNKNOWN_TOPIC, KafkaError.UNKNOWN_TOPIC_ID)


class Topics:
    """Asks Kafka about topics."""

    def __init__(self, bootstrap: str) -> None:
        self._bootstrap = bootstrap
        self._admin = AdminClient({"bootstrap.servers": bootstrap}, logger=_LOG)

    def partitions(self, topics: Collection[str]) -> dict[Place, str]:
        """Topic id of each partition of the topics.

        Raises:
            UnreachableError: Kafka does not answer.
            OutsideError: a topic does not exist.
        """
        asked = self._admin.describe_topics(TopicCollection(list(topics)), request_timeout=ANSWER_WITHIN_S)
        found: dict[Place, str] = {}
        for topic, future in asked.items():
            description = self._answer(future, topic)
            for partition in description.partitions:
                found[topic, partition.id] = str(description.topic_id)
        return found

    def extents(self, topics: Collection[str]) -> dict[Place, Extent]:
        """What Kafka holds of each partition of the topics, up to the last committed transaction.

        Raises:
            UnreachableError: Kafka does not answer.
            OutsideError: a topic does not exist.
        """
        ids = self.partitions(topics)
        starts = self._offsets(ids, OffsetSpec.earliest())  # type: ignore[no-untyped-call]
        ends = self._offsets(ids, OffsetSpec.latest())  # type: ignore[no-untyped-call]
        return {place: Extent(topic_id, starts[place], ends[place]) for place, topic_id in ids.items()}

    def _offsets(self, places: Collection[Place], which: OffsetSpec) -> dict[Place, int]:
        asked = self._admin.list_offsets(
            {TopicPartition(*place): which for place in places},
            isolation_level=IsolationLevel.READ_COMMITTED,
            request_timeout=ANSWER_WITHIN_S,
        )
        return {
            (place.topic, place.partition): int(self._answer(future, place.topic).offset)
            for place, future in asked.items()
        }

    def _answer(self, future: Future[Any], topic: str) -> Any:
        try:
            return future.result(ANSWER_WITHIN_S)
        except KafkaException as error:
            raise outside_error(error.args[0], topic, self._bootstrap) from error
        except TimeoutError as error:
            raise UnreachableError(
                f"Kafka at {self._bootstrap!r} does not answer within {ANSWER_WITHIN_S} s."
            ) from error


def outside_error(error: KafkaError, topic: str, bootstrap: str) -> OutsideError:
    """The outside error behind a Kafka error; only those that retrying cannot cure are not UnreachableError."""
    if error.code() in _UNKNOWN:
        return OutsideError(f"Topic {topic!r} does not exist at {bootstrap!r}. `vaxel up` makes the topics.")
    if error.code() in (KafkaError._AUTO_OFFSET_RESET, KafkaError.OFFSET_OUT_OF_RANGE):
        return OutsideError(f"Topic {topic!r} no longer holds what comes next: {error.str()}. Start the sink again.")
    if error.code() in (KafkaError.TOPIC_AUTHORIZATION_FAILED, KafkaError.CLUSTER_AUTHORIZATION_FAILED):
        return OutsideError(f"Kafka at {bootstrap!r} does not allow reading topic {topic!r}: {error.str()}.")
    return UnreachableError(f"Kafka at {bootstrap!r} does not answer: {error.str()}.")


@dataclass(frozen=True, slots=True)
class End:
    """Nothing committed lies between what was read of this partition and `next_offset`."""

    place: Place
    next_offset: int


class Reader:
    """Reads exactly these partitions from these positions on, committed records only."""

    def __init__(self, bootstrap: str, positions: Mapping[Place, Position]) -> None:
        self._bootstrap = bootstrap
        self._consumer = Consumer(
            {
                "bootstrap.servers": bootstrap,
                "group.id": "vaxel-lake-sink",  # librdkafka wants one; nothing is ever joined or committed
                "enable.auto.commit": False,
                "enable.auto.offset.store": False,
                "enable.partition.eof": True,
                "isolation.level": "read_committed",
                "auto.offset.reset": "error",
                "fetch.message.max.bytes": FETCH_BYTES,
                "fetch.wait.max.ms": 100,
                "fetch.max.bytes": ANSWER_BYTES,
                "queued.max.messages.kbytes": QUEUED_KB,
            },
            logger=_LOG,
        )
        self._consumer.assign([TopicPartition(*place, position.next_offset) for place, position in positions.items()])

    def next(self, within_s: float) -> Record | End | None:
        """The next record of any partition, the end of one, or None when there is neither within this time.

        Raises:
            OutsideError: see `outside_error`.
        """
        message = self._consumer.poll(within_s)
        if message is None:
            return None
        topic, partition, offset, error = message.topic(), message.partition(), message.offset(), message.error()
        if error is not None and error.code() != KafkaError._PARTITION_EOF:
            raise outside_error(error, topic or "", self._bootstrap)
        assert topic is not None
        assert partition is not None
        assert offset is not None
        if error is not None:
            return End((topic, partition), offset)
        headers: Any = message.headers() or ()
        return Record(topic, partition, offset, message.key(), message.value(), tuple(headers))

    def end(self, place: Place) -> int | None:
        """Where the partition ends as the last fetch told, markers and open transactions included; None before it."""
        known = self._consumer.get_watermark_offsets(TopicPartition(*place), cached=True)
        return None if known is None or known[1] < 0 else int(known[1])

    def pause(self, place: Place) -> None:
        """Gives nothing more of this partition."""
        self._consumer.pause([TopicPartition(*place)])

    def close(self) -> None:
        """Ends the reading; nothing is committed anywhere."""
        self._consumer.close()
