"""Who may write for a partition: the last one that asked. Kafka refuses everybody who asked before."""

from __future__ import annotations

from confluent_kafka import Producer

from schemas.topics import FRAME_BYTES
from streams.batch import Place
from streams.logs import KAFKA_LOG
from streams.settings import EngineSettings

INIT_TIMEOUT_S = 60.0
COMMIT_TIMEOUT_S = 60.0
LONGEST_TRANSACTION_S = 900.0
"""More the broker does not grant (its `transaction.max.timeout.ms` as it comes)."""


def owning_producer(settings: EngineSettings, place: Place) -> Producer:
    """A producer of transactions for a partition, whose former owner can commit nothing after this.

    Raises:
        KafkaException: the broker does not answer, or another owner came right after this one.
    """
    producer = Producer(
        {
            "bootstrap.servers": settings.kafka,
            "transactional.id": f"{settings.app}.{place.topic}.{place.partition}",
            # Open from a checkpoint's first output to the commit; the broker aborts what is open for longer.
            "transaction.timeout.ms": int(
                1000 * min(LONGEST_TRANSACTION_S, COMMIT_TIMEOUT_S + 2 * settings.checkpoint_s)
            ),
            "linger.ms": 5,
            "message.max.bytes": FRAME_BYTES,
            "queue.buffering.max.kbytes": 128 * 1024,
            **KAFKA_LOG,
        }
    )
    producer.init_transactions(INIT_TIMEOUT_S)
    return producer
