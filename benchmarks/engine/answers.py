"""Reads back what contenders wrote: committed records only, from a topic's beginning or a noted place to its end."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from uuid import uuid4

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from schemas.errors import UnreachableError

ANSWER_S = 30.0
LOOK_S = 0.1
AT_ONCE = 1_000


def next_offsets(kafka: str, topic: str) -> dict[int, int]:
    """Where the next record of each partition will stand."""
    consumer = _consumer(kafka)
    try:
        return {
            number: consumer.get_watermark_offsets(TopicPartition(topic, number), timeout=ANSWER_S)[1]
            for number in _partitions(consumer, topic)
        }
    finally:
        consumer.close()


def records_since(
    kafka: str, topic: str, offsets: Mapping[int, int] | None = None
) -> Iterator[tuple[bytes | None, bytes]]:
    """Key and value of all committed records, each partition in its order.

    Args:
        offsets: First offset of each partition; None for the beginning of all.

    Raises:
        UnreachableError: the broker does not answer.
    """
    consumer = _consumer(kafka)
    try:
        numbers = _partitions(consumer, topic)
        consumer.assign([TopicPartition(topic, number, (offsets or {}).get(number, 0)) for number in numbers])
        ended: set[int] = set()
        silent = 0
        while len(ended) < len(numbers):
            # consume() waits for all of them or the time-out, whatever comes first.
            messages = consumer.consume(AT_ONCE, timeout=LOOK_S)
            silent = 0 if messages else silent + 1
            if silent * LOOK_S > ANSWER_S:
                raise UnreachableError(f"Kafka at {kafka} is silent about {topic} for {ANSWER_S:.0f} s")
            for message in messages:
                error = message.error()
                if error is None:
                    yield message.key(), message.value() or b""
                elif error.code() == KafkaError._PARTITION_EOF:
                    ended.add(message.partition() or 0)
                else:
                    raise KafkaException(error)
    finally:
        consumer.close()


def newest_by_key(records: Iterable[tuple[bytes | None, bytes]]) -> dict[str, bytes]:
    """The last value of each key."""
    return {(key or b"").decode(): value for key, value in records}


def _consumer(kafka: str) -> Consumer:
    return Consumer(
        {
            "bootstrap.servers": kafka,
            "group.id": f"bench-answers-{uuid4().hex}",
            "enable.auto.commit": False,
            "isolation.level": "read_committed",
            "enable.partition.eof": True,
        }
    )


def _partitions(consumer: Consumer, topic: str) -> list[int]:
    return sorted(consumer.list_topics(topic, timeout=ANSWER_S).topics[topic].partitions)
