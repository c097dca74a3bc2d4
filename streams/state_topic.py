"""What a state topic holds: the newest committed record of each key. Reading it disturbs nobody."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from confluent_kafka import Consumer, KafkaError, TopicPartition

from schemas.errors import UnreachableError
from schemas.topics import FRAME_BYTES
from streams.logs import KAFKA_LOG
from streams.settings import EngineSettings

LOOK_S = 0.1
ANSWER_S = 30.0


@dataclass(frozen=True)
class Record:
    """The newest value of a key, and when it was written."""

    value: bytes
    written_ms: int


Records = dict[bytes, Record]


def live_records(settings: EngineSettings, topic: str, partitions: Collection[int]) -> dict[int, Records]:
    """The newest record of each key, partition by partition. Keys that were given up by an empty record are left out.

    Raises:
        UnreachableError: the broker does not answer, or has no such partition.
    """
    consumer = Consumer(
        {
            "bootstrap.servers": settings.kafka,
            "group.id": f"{settings.app}.recall",
            "enable.auto.commit": False,
            "isolation.level": "read_committed",
            "enable.partition.eof": True,
            "fetch.wait.max.ms": 10,
            "max.partition.fetch.bytes": FRAME_BYTES,
            "auto.offset.reset": "earliest",
            **KAFKA_LOG,
        }
    )
    found: dict[int, Records] = {number: {} for number in partitions}
    try:
        # Where OFFSET_BEGINNING is, librdkafka asks before it knows whom to ask, and again half a second later.
        consumer.assign([TopicPartition(topic, number, 0) for number in partitions])
        unfinished = set(partitions)
        silent = 0
        while unfinished:
            message = consumer.poll(LOOK_S)
            silent = silent + 1 if message is None else 0
            if silent * LOOK_S > ANSWER_S:
                raise UnreachableError(f"cannot read {topic} at {settings.kafka}: silent for {ANSWER_S} s")
            if message is None:
                continue
            error, number = message.error(), int(message.partition() or 0)
            if error is None:
                key, value = message.key() or b"", message.value()
                if value:
                    found[number][key] = Record(value, message.timestamp()[1])
                else:
                    found[number].pop(key, None)
            elif error.code() == KafkaError._PARTITION_EOF:
                unfinished.discard(number)
            else:
                raise UnreachableError(f"cannot read {topic}[{number}] at {settings.kafka}: {error.str()}")
    finally:
        consumer.close()
    return found
