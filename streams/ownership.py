"""Who may write for a partition: the last one that asked. Kafka refuses everybody who asked before."""

from __future__ import annotations

from confluent_kafka import Producer

from schemas.topics import FRAME_BYTES
from streams.batch import Place
from streams.logs import KAFKA_LOG
from streams.settings import EngineSettings

INIT_TIMEOUT_S = 60.0


def owning_producer(settings: EngineSettings, place: Place) -> Producer:
    """A producer of transactions for a partition, whose former owner can commit nothing after this.

    Raises:
        KafkaException: the broker does not answer, or another owner came right after this one.
    """
    producer = Producer(
        {
            "bootstrap.servers": settings.kafka,
            "transactional.id": f"{settings.app}.{place.topic}.{place.partition}",
            "transaction.timeout.ms": 60_000,
            "linger.ms": 5,
            "message.max.bytes": FRAME_BYTES,
            "queue.buffering.max.kbytes": 128 * 1024,
            **KAFKA_LOG,
        }
    )
    producer.init_transactions(INIT_TIMEOUT_S)
    return producer
