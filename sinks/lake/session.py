"""Opens lake, topics and reader for the sink, and closes them together."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field

import duckdb

from schemas.lake import SINK_POSITION, Input
from sinks.lake import positions, tables
from sinks.lake.connection import open_writer, outside
from sinks.lake.positions import Place, Position
from sinks.lake.topics import Reader, Topics
from sinks.lake.transactions import closed


@dataclass
class Session:
    """What is open between two failures.

    Attributes:
        positions: Of every partition, as the lake holds them.
        at_end: Partitions that have been read to their end.
        looked_s: When Kafka and the catalogue last answered.
        commits: Transactions since it was opened.
    """

    lake: duckdb.DuckDBPyConnection
    topics: Topics
    reader: Reader
    positions: dict[Place, Position]
    at_end: set[Place] = field(default_factory=set)
    looked_s: float = field(default_factory=time.monotonic)
    commits: int = 0


@contextmanager
def opened(
    kafka: str, catalog: str, files: str, inputs: Sequence[Input], accepted_topics: Collection[str]
) -> Iterator[Session]:
    """Everything open, the tables there, the reader at the lake's positions; closed when left.

    Raises:
        UnreachableError: Kafka or the catalogue does not answer.
        PositionError: see `positions.decide`.
    """
    names = [entry.topic for entry in inputs]
    topics = Topics(kafka)
    with ExitStack() as parts:
        with tables.only_one(catalog), outside("prepare the lake"):
            lake = parts.enter_context(closed(open_writer(catalog, files)))
            tables.prepare(lake, [*(entry.table for entry in inputs), SINK_POSITION])
            kept = positions.read(lake, names)
            wanted = positions.decide(kept, topics.extents(names), accepted_topics)
            positions.replace(lake, kept, wanted)
        reader = parts.enter_context(closing(Reader(kafka, wanted)))
        yield Session(lake, topics, reader, wanted)
