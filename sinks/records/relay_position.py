"""How far a relay has come, kept in Kafka: the newest record under the relay's name in the relays' state topic."""

from __future__ import annotations

import hashlib
import hmac
import json
import logging
import time
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime

from confluent_kafka import Consumer, IsolationLevel, KafkaError, KafkaException, TopicCollection, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec  # type: ignore[attr-defined]

from schemas.errors import DecisionError, UnreachableError, UsageError

ANSWER_WITHIN_S = 10.0
PARTITION = 0
"""Of the state topic: there is one record a relay, so the others stay empty."""

LOG = logging.getLogger(__name__)
"""Of Kafka clients; what matters of it is in our errors."""
_LOOK_S = 0.1


@dataclass(frozen=True)
class Position:
    """What a relay's newest transaction told.

    Attributes:
        revision: Of its records.
        entries: Numbers of the outbox entries they answer.
        outbox: Which outbox that is, as `outbox.identity` tells.
        read_at: When those were read, by the database's clock, as ISO 8601; empty before the first transaction.
        owner: The process that wrote it.
        key: Which key made the pseudonyms, as `fingerprint` tells.
        topics: Kafka's id of each topic written to: in a topic created again nothing was told.
    """

    revision: int
    entries: tuple[int, ...]
    outbox: str
    read_at: str
    owner: str
    key: str
    topics: Mapping[str, str]

    @property
    def read_before(self) -> datetime | None:
        return datetime.fromisoformat(self.read_at) if self.read_at else None


def fingerprint(key: bytes) -> str:
    """Tells two keys apart and nothing about them."""
    return hmac.new(key, b"vaxel relay", hashlib.sha256).hexdigest()[:16]


def to_json(position: Position) -> bytes:
    """The record that keeps a position."""
    return json.dumps(asdict(position), separators=(",", ":")).encode()


def from_json(value: bytes) -> Position:
    """The position that `to_json` was given.

    Raises:
        DecisionError: It is of another form.
    """
    try:
        fields = json.loads(value)
        return Position(**{**fields, "entries": tuple(fields["entries"])})
    except (ValueError, KeyError, TypeError) as error:
        raise DecisionError(
            "the relay's position in Kafka has another form than this release writes. Run the release that wrote it, "
            "or delete the topic: all devices are told again"
        ) from error


def topic_ids(kafka: str, topics: Collection[str]) -> dict[str, str]:
    """Kafka's id of each topic.

    Raises:
        UnreachableError: Kafka does not answer.
        UsageError: A topic does not exist.
    """
    admin = AdminClient({"bootstrap.servers": kafka}, logger=LOG)
    asked = admin.describe_topics(TopicCollection(list(topics)), request_timeout=ANSWER_WITHIN_S)
    found = {}
    for name, future in asked.items():
        try:
            found[name] = str(future.result(ANSWER_WITHIN_S).topic_id)
        except KafkaException as error:
            told: KafkaError = error.args[0]
            if told.code() == KafkaError.UNKNOWN_TOPIC_OR_PART:
                raise UsageError(
                    f"Kafka at {kafka!r} has no topic {name!r}: create the topics of `schemas.topics`; "
                    "`vaxel up` does it on the local stack"
                ) from error
            raise UnreachableError(f"Kafka does not answer at {kafka!r}: {told.str()}.") from error
        except TimeoutError as error:
            raise UnreachableError(f"Kafka does not answer at {kafka!r} within {ANSWER_WITHIN_S:g} s.") from error
    return found


def kept(kafka: str, topic: str, name: str) -> Position | None:
    """The newest committed position of a relay; None where there is none.

    Whoever may still write it has to be fenced before.

    Raises:
        UnreachableError: Kafka does not answer, or another relay leaves a transaction open.
    """
    end = _end(kafka, topic)
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
    found: bytes | None = None
    deadline_s = time.monotonic() + ANSWER_WITHIN_S
    try:
        consumer.assign([TopicPartition(topic, PARTITION, 0)])
        while time.monotonic() < deadline_s:
            message = consumer.poll(_LOOK_S)
            if message is None:
                continue
            error = message.error()
            if error is None:
                deadline_s = time.monotonic() + ANSWER_WITHIN_S
                if message.key() == name.encode():
                    found = message.value()
            elif error.code() != KafkaError._PARTITION_EOF:
                raise UnreachableError(f"cannot read topic {topic!r} at {kafka!r}: {error.str()}.")
            elif int(message.offset() or 0) >= end:
                return None if found is None else from_json(found)
    finally:
        consumer.close()
    raise UnreachableError(f"cannot read topic {topic!r} at {kafka!r} to its end within {ANSWER_WITHIN_S:g} s.")


def _end(kafka: str, topic: str) -> int:
    """The next offset of the topic, open transactions included."""
    admin = AdminClient({"bootstrap.servers": kafka}, logger=LOG)
    latest = OffsetSpec.latest()  # type: ignore[no-untyped-call]
    asked = admin.list_offsets(
        {TopicPartition(topic, PARTITION): latest},
        isolation_level=IsolationLevel.READ_UNCOMMITTED,
        request_timeout=ANSWER_WITHIN_S,
    )
    (future,) = asked.values()
    try:
        return int(future.result(ANSWER_WITHIN_S).offset)
    except (KafkaException, TimeoutError) as error:
        raise UnreachableError(f"Kafka does not answer at {kafka!r}: {error}.") from error
