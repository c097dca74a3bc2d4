"""A load in Kafka, ready to be raced over."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from uuid import uuid4

from confluent_kafka import KafkaError, Message, Producer

from benchmarks.engine.broker import Broker, remove_topics
from benchmarks.engine.load import Load, Truth
from deploy.topics import ensure_topics
from schemas.errors import UnreachableError
from schemas.topics import BY_NAME, TELEMETRY_WASHER

TELL_EVERY = 100_000
DELIVER_WITHIN_S = 120.0


@dataclass(frozen=True)
class Course:
    """A topic that holds a load and nothing else.

    Attributes:
        value_bytes: Of all uploads, without keys.
    """

    broker: Broker
    load: Load
    topic: str
    truth: Truth
    value_bytes: int


@contextmanager
def laid_out(broker: Broker, load: Load, say: Callable[[str], None]) -> Iterator[Course]:
    """The load in a topic of its own, removed afterwards."""
    topic = input_topic(broker, load)
    try:
        value_bytes = _fill(broker.kafka, topic, load, say)
        yield Course(broker, load, topic, load.truth(), value_bytes)
    finally:
        if broker.pid is None:  # the broker's own files are removed as a whole
            remove_topics(broker.kafka, [topic])


def input_topic(broker: Broker, load: Load) -> str:
    """A new, empty topic like that of real uploads."""
    topic = f"bench.{load.name}.{uuid4().hex[:8]}"
    ensure_topics(broker.kafka, [replace(BY_NAME[TELEMETRY_WASHER], name=topic)], load.partitions)
    return topic


def load_producer(kafka: str, linger_ms: int) -> Producer:
    """A producer that keeps order and repeats nothing; batches are compressed as those of our own devices are."""
    return Producer(
        {
            "bootstrap.servers": kafka,
            "log_level": 0,  # what matters of it is in our errors
            "enable.idempotence": True,
            "compression.type": "lz4",
            "linger.ms": linger_ms,
            "queue.buffering.max.messages": 200_000,
            "queue.buffering.max.kbytes": 262_144,
        }
    )


def _fill(kafka: str, topic: str, load: Load, say: Callable[[str], None]) -> int:
    producer = load_producer(kafka, linger_ms=50)
    keys = [device_id.encode() for device_id in load.device_ids()]
    partitions = [load.partition_of(device) for device in range(load.devices)]
    errors: list[KafkaError] = []

    def note(error: KafkaError | None, _message: Message) -> None:
        if error is not None:
            errors.append(error)

    value_bytes = 0
    for number, (device, value) in enumerate(load.values()):
        if number % TELL_EVERY == 0:
            say(f"preparing {load.name}: {number:,} of {load.uploads:,} uploads")
        value_bytes += len(value)
        while True:
            try:
                producer.produce(topic, value, keys[device], partitions[device], on_delivery=note)
                break
            except BufferError:
                producer.poll(0.1)
    if producer.flush(DELIVER_WITHIN_S) or errors:
        reason = errors[0].str() if errors else f"no answer within {DELIVER_WITHIN_S:.0f} s"
        raise UnreachableError(f"Kafka at {kafka} did not take all uploads: {reason}")
    return value_bytes
