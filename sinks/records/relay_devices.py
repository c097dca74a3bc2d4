"""Which devices the reference topics speak of: what was told once stays there, whatever became of the rows.

In:            the reference topics, as far as they go now.
Out:           kinds and devices that have a record.
On failure:    `UnreachableError`; nothing has changed.
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from schemas.errors import UnreachableError
from schemas.fields import IDENTIFIER
from schemas.outbox import ReferenceKind
from sinks.records.relay_position import ANSWER_WITHIN_S, LOG
from sinks.records.telling import Wanted

_BATCH = 1_000
_LOOK_S = 0.1
_DEVICE = re.compile(IDENTIFIER.encode())


def devices_in(kafka: str, topics: Mapping[ReferenceKind, str]) -> set[Wanted]:
    """Kinds and devices of which there is a committed record; keys that are no device are passed over.

    Raises:
        UnreachableError: Kafka does not answer, or somebody leaves a transaction open.
    """
    consumer = Consumer(
        {
            "bootstrap.servers": kafka,
            "group.id": "vaxel.relay",  # librdkafka wants one; nothing is joined or committed
            "enable.auto.commit": False,
            "isolation.level": "read_committed",
            "enable.partition.eof": True,
            "fetch.wait.max.ms": 10,
            "auto.offset.reset": "earliest",
        },
        logger=LOG,
    )
    kind_of = {topic: kind for kind, topic in topics.items()}
    found: set[Wanted] = set()
    try:
        unread = _ends(consumer, list(kind_of))
        consumer.assign([TopicPartition(*place, 0) for place in unread])
        deadline_s = time.monotonic() + ANSWER_WITHIN_S
        while unread:
            if time.monotonic() > deadline_s:
                raise UnreachableError(
                    f"cannot read what was told at {kafka!r} to its end within {ANSWER_WITHIN_S:g} s."
                )
            for message in consumer.consume(_BATCH, _LOOK_S):
                topic, place = str(message.topic()), (str(message.topic()), int(message.partition() or 0))
                error = message.error()
                if error is None:
                    deadline_s = time.monotonic() + ANSWER_WITHIN_S
                    key = message.key()
                    if key is not None and _DEVICE.fullmatch(key):
                        found.add((kind_of[topic], key.decode()))
                elif error.code() != KafkaError._PARTITION_EOF:
                    raise UnreachableError(f"cannot read topic {topic!r} at {kafka!r}: {error.str()}.")
                elif int(message.offset() or 0) >= unread.get(place, 0):
                    unread.pop(place, None)
    except KafkaException as error:
        raise UnreachableError(f"Kafka does not answer at {kafka!r}: {error.args[0].str()}.") from error
    finally:
        consumer.close()
    return found


def _ends(consumer: Consumer, topics: list[str]) -> dict[tuple[str, int], int]:
    """The offset after the last committed record of each partition."""
    ends = {}
    for topic in topics:
        about = consumer.list_topics(topic, ANSWER_WITHIN_S).topics[topic]
        for number in about.partitions:
            _, ends[topic, number] = consumer.get_watermark_offsets(TopicPartition(topic, number), ANSWER_WITHIN_S)
    return ends
