"""Which worker holds a device: the partition of its key, and the address that the owner of a partition shows.

A worker writes its address beside the position that it shows to the group (`streams.transport.show_positions`), so any
worker can look it up. Whether that is up to date matters to nobody's data: who is asked in vain says so.
"""

from __future__ import annotations

from aiokafka.partitioner import murmur2
from confluent_kafka import Consumer, KafkaException, TopicPartition

from schemas.errors import UnreachableError
from streams.batch import Place
from streams.logs import QUIET

ANSWER_S = 2.0


def partition_of(device_id: str, partitions: int) -> int:
    """The partition of a device's key: murmur2, as Kafka's own clients and the project's producers do it."""
    return int((murmur2(device_id.encode()) & 0x7FFFFFFF) % partitions)


class Owners:
    """Asks the broker. Its methods block for a few milliseconds, `ANSWER_S` at most."""

    def __init__(self, kafka: str, group: str) -> None:
        self._kafka = kafka
        # A consumer, not the admin client: that one's question for offsets ends the process where the group's
        # coordinator is away (confluent-kafka 2.16, a segmentation fault).
        self._consumer = Consumer({"bootstrap.servers": kafka, "group.id": group, "enable.auto.commit": False, **QUIET})

    def place(self, topic: str, device_id: str) -> Place:
        """Where in a topic the uploads of a device are.

        Raises:
            UnreachableError: the broker does not answer, or has no such topic.
        """
        try:
            partitions = len(self._consumer.list_topics(topic, timeout=ANSWER_S).topics[topic].partitions)
        except KafkaException as error:
            raise UnreachableError(f"Kafka at {self._kafka} does not answer: {error.args[0].str()}") from error
        if not partitions:
            raise UnreachableError(f"Kafka at {self._kafka} has no partitions of {topic}")
        return Place(topic, partition_of(device_id, partitions))

    def address(self, place: Place) -> str | None:
        """The address that the owner of a partition showed last; None if it showed none.

        Raises:
            UnreachableError: the broker does not answer.
        """
        try:
            (shown,) = self._consumer.committed([TopicPartition(place.topic, place.partition)], timeout=ANSWER_S)
        except KafkaException as error:
            raise UnreachableError(f"Kafka at {self._kafka} does not answer: {error.args[0].str()}") from error
        address: str | None = shown.metadata
        return address or None
