"""The state topic of one partition: what is read from it at the start, what is written to it at a checkpoint."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass

import numpy as np

from schemas.errors import PositionError
from schemas.topics import state_topic
from streams.batch import Place
from streams.frames import frame, read_frame, read_schema
from streams.product import Product
from streams.settings import EngineSettings
from streams.state import State
from streams.state_topic import live_records
from streams.store import PAGES, Slice, Store, from_frame, heading_of, to_frame

POSITION_KEY = b"position"


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
    topic = state_topic(settings.app, place.topic).name
    records = live_records(settings, topic, [place.partition])[place.partition]
    try:
        return restored(product, {key: record.value for key, record in records.items()})
    except ValueError as error:
        raise PositionError(f"cannot read the state of {place.topic}[{place.partition}]: {error}") from error


def restored(product: Product, newest: Mapping[bytes, bytes]) -> tuple[State, Position | None]:
    """State and position from the newest record of each key that `changes` ever gave and nobody gave up.

    Raises:
        ValueError: written by another schema version.
    """
    saved = {name: slices(name, store.values.dtype, newest) for name, store in State(product).stores.items()}
    kept = newest.get(POSITION_KEY)
    return State(product, saved), position_of(kept) if kept is not None else None


def slices(store: str, dtype: np.dtype[np.void], newest: Mapping[bytes, bytes]) -> Iterator[Slice]:
    """Slices of one store in order of checkpoint, unpacked one by one: all at once would double the memory."""
    prefix = f"{store}/".encode()
    frames = [value for key, value in newest.items() if key.startswith(prefix)]
    for value in sorted(frames, key=lambda value: heading_of(read_schema(value)).checkpoint):
        yield from_frame(read_frame(value), dtype)


def position_of(value: bytes) -> Position:
    """The position in the record of `position_record`.

    Raises:
        ValueError: written by another version.
    """
    try:
        return Position(**json.loads(value))
    except TypeError as error:
        raise ValueError(f"a position with other fields found: {value!r}") from error


def position_record(position: Position) -> tuple[bytes, bytes]:
    """Key and value that keep a position."""
    return POSITION_KEY, json.dumps(asdict(position)).encode()


def changes(state: State, position: Position) -> Iterator[tuple[bytes, bytes]]:
    """What a checkpoint writes: changed rows and one page of each store, then the position."""
    yield from changed_rows(state.stores, position.checkpoint)
    yield position_record(position)


def changed_rows(stores: Mapping[str, Store], checkpoint: int) -> Iterator[tuple[bytes, bytes]]:
    """Keys and values that keep the rows changed since the last checkpoint, and one page, of each store."""
    page = checkpoint % PAGES
    for name, store in stores.items():
        for kind, saved in (("delta", store.delta(checkpoint)), ("page", store.page(checkpoint))):
            for number, part in enumerate(saved.parts() if saved is not None else ()):
                yield f"{name}/{kind}-{page}.{number}".encode(), frame(to_frame(part))
