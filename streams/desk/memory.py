"""How far the desk has come in one partition of all its inputs, and its memory as of then.

One record, in the desk's state topic, holds the positions in all inputs; the rest of that topic is the rolling snapshot
of the stores (`streams.memory`). What the record systems told is not saved a second time: their topics keep the newest
record of each device, so they are read again up to the position.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass

from confluent_kafka import Consumer, KafkaError, TopicPartition

from schemas.errors import PositionError, UnreachableError
from schemas.topics import DESK, FRAME_BYTES, REFERENCES, Topic, state_topic
from streams.desk.reading import Record, references
from streams.desk.register import Register
from streams.desk.state import STORES, DeskState
from streams.logs import KAFKA_LOG
from streams.memory import POSITION_KEY, slices
from streams.settings import EngineSettings
from streams.state_topic import ANSWER_S, LOOK_S, live_records


@dataclass(frozen=True)
class Input:
    """How far one input has been taken in; offsets mean nothing in a topic of another id."""

    topic_id: str
    next_offset: int


@dataclass(frozen=True)
class DeskPosition:
    """How far all inputs of a partition have been taken in.

    Attributes:
        checkpoint: How many checkpoints there have been.
        has_spoken: Whether everything that is told now and then has been told of what was taken in.
    """

    inputs: Mapping[str, Input]
    checkpoint: int = 0
    has_spoken: bool = True


def desk_state_topic(app: str) -> Topic:
    """The compacted topic that holds the desk's state, partition by partition."""
    return state_topic(app, DESK)


def recall(settings: EngineSettings, partition: int) -> tuple[DeskState, DeskPosition | None]:
    """State and position as of the last committed checkpoint; a new state and None before the first."""
    topic = desk_state_topic(settings.app).name
    newest = {key: record.value for key, record in live_records(settings, topic, [partition])[partition].items()}
    try:
        saved = {name: slices(name, dtype, newest) for name, dtype in STORES.items()}
        state = DeskState(partition, saved)
        kept = newest.get(POSITION_KEY)
        return state, None if kept is None else desk_position_of(kept)
    except ValueError as error:
        raise PositionError(f"cannot read the state of the desk, partition {partition}: {error}") from error


def desk_position_of(value: bytes) -> DeskPosition:
    """The position in the record of `desk_position_record`.

    Raises:
        ValueError: written by another version.
    """
    try:
        told = json.loads(value)
        inputs = {topic: Input(**kept) for topic, kept in told.pop("inputs").items()}
        return DeskPosition(inputs, **told)
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"a position with other fields found: {value!r}") from error


def desk_position_record(position: DeskPosition) -> tuple[bytes, bytes]:
    """Key and value that keep a position."""
    return POSITION_KEY, json.dumps(asdict(position)).encode()


def register_up_to(settings: EngineSettings, partition: int, position: DeskPosition) -> Register:
    """What record systems had told of the partition's devices up to a position.

    Raises:
        UnreachableError: the broker does not answer.
    """
    register = Register()
    wanted = {
        topic: kept.next_offset for topic, kept in position.inputs.items() if topic in REFERENCES and kept.next_offset
    }
    if not wanted:
        return register
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
    silent = 0
    try:
        consumer.assign([TopicPartition(topic, partition, 0) for topic in wanted])
        while wanted:
            messages = consumer.consume(1_000, LOOK_S)
            silent = 0 if messages else silent + 1
            if silent * LOOK_S > ANSWER_S:
                raise UnreachableError(f"cannot read {', '.join(wanted)} at {settings.kafka}: silent for {ANSWER_S} s")
            for message in messages:
                topic, offset, error = message.topic() or "", message.offset() or 0, message.error()
                if error is not None and error.code() != KafkaError._PARTITION_EOF:
                    raise UnreachableError(f"cannot read {topic}[{partition}] at {settings.kafka}: {error.str()}")
                # An end may be reported below a position that lies behind compacted records.
                if topic in wanted and (error is not None or offset >= wanted[topic]):
                    del wanted[topic]
                elif topic in wanted:
                    for reference in references([Record(topic, offset, message.key(), message.value())]):
                        register.learn(reference)
    finally:
        consumer.close()
    return register
