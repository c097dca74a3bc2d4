"""What devices are asked for on `commands.v1`.

In:            all of the topic, up to its end when it is looked at.
Out:           numbers by device; nothing is written, no position is kept.
Guarantee:     a command that has expired counts no more.
On failure:    no broker: `UnreachableError`. A record that is no command: passed over, and counted.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition
from pydantic import ValidationError

from schemas.desk import Command
from schemas.errors import UnreachableError, UsageError
from schemas.topics import COMMANDS

_LOG = logging.getLogger(__name__)
_ANSWER_S = 8.0
_SILENT_S = 20.0
_LOOK_S = 0.2


@dataclass
class Asked:
    """Numbers that devices are to send again.

    Attributes:
        commands: How many commands say so.
        expired: How many came too late to be of use.
        unread: Records that are no commands.
    """

    numbers: dict[str, set[int]] = field(default_factory=lambda: defaultdict(set))
    commands: int = 0
    expired: int = 0
    unread: int = 0

    def without(self, known: Iterable[tuple[str, int]]) -> None:
        """Forget numbers of devices that have been sent again already."""
        for device_id, seq in known:
            if device_id in self.numbers:
                self.numbers[device_id].discard(seq)

    @property
    def count(self) -> int:
        """How many uploads that are."""
        return sum(map(len, self.numbers.values()))


def wanted(values: Iterable[bytes], now_ms: int) -> Asked:
    """What commands ask for, as they lie in Kafka, that has not expired by now."""
    asked = Asked()
    for value in values:
        try:
            command = Command.model_validate_json(value)
        except ValidationError:
            asked.unread += 1
            continue
        if command.expires_at_ms <= now_ms:
            asked.expired += 1
            continue
        asked.commands += 1
        asked.numbers[command.device_id].update(range(command.from_seq, command.to_seq))
    return asked


def read_commands(kafka: Mapping[str, str], now_ms: int) -> Asked:
    """What is asked for now.

    Args:
        kafka: `bootstrap.servers` and security settings, as librdkafka spells them.
    Raises:
        UnreachableError: Kafka does not answer.
        UsageError: There is no such topic.
    """
    _LOG.addHandler(logging.NullHandler())
    consumer = Consumer(
        {**kafka, "group.id": "vaxel.answer", "enable.auto.commit": False, "enable.partition.eof": True, "logger": _LOG}
    )
    try:
        return wanted(_values(consumer), now_ms)
    except KafkaException as error:
        raise UnreachableError(
            f"Kafka does not answer at {kafka['bootstrap.servers']!r}: {error.args[0].str()}. "
            "Start the local stack with `vaxel up`, or set the address of your cluster"
        ) from error
    finally:
        consumer.close()


def _values(consumer: Consumer) -> list[bytes]:
    topic = consumer.list_topics(COMMANDS, timeout=_ANSWER_S).topics[COMMANDS]
    if topic.error is not None:
        raise UsageError(f"Kafka has no topic {COMMANDS}: create the topics of `schemas.topics`; `vaxel up` does it")
    open_ = set(topic.partitions)
    consumer.assign([TopicPartition(COMMANDS, number, 0) for number in sorted(open_)])
    values, silent_s = [], 0.0
    while open_:
        messages = consumer.consume(1_000, timeout=_LOOK_S)
        silent_s = 0.0 if messages else silent_s + _LOOK_S
        if silent_s > _SILENT_S:
            raise KafkaException(KafkaError(KafkaError._TIMED_OUT))
        for message in messages:
            error = message.error()
            if error is None:
                values.append(message.value() or b"")
            elif error.code() == KafkaError._PARTITION_EOF:
                open_.discard(message.partition() or 0)
            else:
                raise KafkaException(error)
    return values
