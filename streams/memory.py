"""The state topic of one partition: what is read from it at the start, what is written to it at a checkpoint."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, TopicPartition

from schemas.errors import PositionError, UnreachableError
from schemas.topics import state_topic
from streams.batch import Place
from streams.frames import frame, read_frame
from streams.product import Product
from streams.settings import EngineSettings
from streams.step import State
from streams.store import PAGES, Slice, from_frame, to_frame

POSITION_KEY = b"position"
LOOK_S = 0.1
ANSWER_S = 30.0


@dataclass(frozen=True)
class Position:
    """How far a partition has been taken in.

    Attributes:
        topic_id: Kafka's id of the input topic: offsets mean nothing in a re-created one.
        next_offset: The next offset to read.
        checkpoint: How many checkpoints there have been.
    """

    topic_id: str
    next_offset: int
    checkpoint: int


def recall(settings: EngineSettings, product: Product, place: Place) -> tuple[State, Position | None]:
    """State and position of a partition as of its last committed checkpoint.

    A partition that never had one gives a new State and None.
    """
    newest = dict(_committed(settings, state_topic(settings.app, place.topic).name, place.partition))
    try:
        return restored(product, newest)
    except ValueError as error:
        raise PositionError(f"cannot read the state of {place.topic}[{place.partition}]: {error}") from error


def restored(product: Product, newest: Mapping[bytes, bytes]) -> tuple[State, Position | None]:
    """State and position from the newest record of each key that `changes` ever gave.

    Raises:
        ValueError: written by another schema version.
    """
    slices: dict[str, list[Slice]] = {}
    stores = State(product).stores
    for key, value in newest.items():
        name = key.decode().partition("/")[0]
        if name in stores:
            slices.setdefault(name, []).append(from_frame(read_frame(value), stores[name].values.dtype))
    kept = newest.get(POSITION_KEY)
    return State(product, slices), Position(**json.loads(kept)) if kept is not None else None


def changes(state: State, position: Position) -> Iterator[tuple[bytes, bytes]]:
    """What a checkpoint writes: changed rows and one page of each store, then the position."""
    page = position.checkpoint % PAGES
    for name, store in state.stores.items():
        for kind, saved in (("delta", store.delta(position.checkpoint)), ("page", store.page(position.checkpoint))):
            for number, part in enumerate(saved.parts() if saved is not None else ()):
                yield f"{name}/{kind}-{page}.{number}".encode(), frame(to_frame(part))
    yield POSITION_KEY, json.dumps(asdict(position)).encode()


def _committed(settings: EngineSettings, topic: str, partition: int) -> Iterator[tuple[bytes, bytes]]:
    """All committed records of a state partition, oldest first."""
    consumer = Consumer(
        {
            "bootstrap.servers": settings.kafka,
            "group.id": f"{settings.app}.recall",
            "enable.auto.commit": False,
            "isolation.level": "read_committed",
            "enable.partition.eof": True,
            "fetch.wait.max.ms": 10,
            "auto.offset.reset": "earliest",
        }
    )
    try:
        consumer.assign([TopicPartition(topic, partition, OFFSET_BEGINNING)])
        silent = 0
        while True:
            # consume() waits for all of them or the time-out, whatever comes first.
            messages = consumer.consume(100, timeout=LOOK_S)
            silent = 0 if messages else silent + 1
            if silent * LOOK_S > ANSWER_S:
                raise UnreachableError(f"cannot read {topic}[{partition}] at {settings.kafka}: silent for {ANSWER_S} s")
            for message in messages:
                error = message.error()
                if error is None:
                    yield message.key() or b"", message.value() or b""
                elif error.code() == KafkaError._PARTITION_EOF:
                    return
                else:
                    raise UnreachableError(f"cannot read {topic}[{partition}] at {settings.kafka}: {error.str()}")
    finally:
        consumer.close()
