"""Whether the lake has everything that Kafka has."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from contextlib import closing

from schemas.lake import INPUTS, SINK_POSITION, Input
from sinks.lake import positions
from sinks.lake.connection import exists, open_reader, outside
from sinks.lake.positions import Place, Position
from sinks.lake.tables import columns_in_lake
from sinks.lake.topics import End, Reader, Topics

LOOK_FOR_S = 5.0


def lag(kafka: str, catalog: str, files: str, inputs: Sequence[Input] = INPUTS) -> int:
    """Number of partitions that hold a committed record which the lake does not; 0 when nothing is left to store.

    Offsets behind the position may be transaction markers or aborted records, so they are read, not counted.

    Raises:
        UnreachableError: Kafka or the catalogue does not answer.
        PositionError: a position does not fit its topic, so the sink would stop too.
    """
    topics = [entry.topic for entry in inputs]
    # In this order: of a sink at work, what it stores in between must not lie beyond what Kafka was said to hold.
    kept = _kept(catalog, files, topics)
    extents = Topics(kafka).extents(topics)
    reading_from = positions.decide(kept, extents)
    undecided = {
        place: position for place, position in reading_from.items() if position.next_offset < extents[place].end_offset
    }
    return len(_with_records(kafka, undecided)) if undecided else 0


def _kept(catalog: str, files: str, topics: Sequence[str]) -> dict[Place, Position]:
    if not exists(catalog):
        return {}
    with outside("read the lake's positions"), open_reader(catalog, files) as connection:
        if SINK_POSITION.name not in columns_in_lake(connection):
            return {}
        return positions.read(connection, topics)


def _with_records(kafka: str, reading_from: Mapping[Place, Position]) -> set[Place]:
    """The partitions that give a record from there on; also those that say nothing for LOOK_FOR_S."""
    open_places = set(reading_from)
    found: set[Place] = set()
    deadline_s = time.monotonic() + LOOK_FOR_S
    with closing(Reader(kafka, reading_from)) as reader:
        while open_places and time.monotonic() < deadline_s:
            read = reader.next(0.1)
            if isinstance(read, End):
                open_places.discard(read.place)
            elif read is not None:
                place = (read.topic, read.partition)
                found.add(place)
                open_places.discard(place)
                reader.pause(place)
    return found | open_places
