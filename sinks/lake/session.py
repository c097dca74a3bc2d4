"""Opens lake, topics and reader for the sink, and closes them together."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field

import duckdb

from schemas.lake import OWN_TABLES, Input
from sinks.lake import positions, shares, tables
from sinks.lake.connection import DEFAULT_MEMORY, open_writer, outside
from sinks.lake.doubt import Way
from sinks.lake.fresh import Fresh
from sinks.lake.positions import Place, Position
from sinks.lake.shares import Share
from sinks.lake.topics import Reader, Topics
from sinks.lake.transactions import closed
from sinks.lake.turns import COMMITTING_S, Turns


@dataclass
class Session:
    """What is open between two failures.

    Attributes:
        way: Of the lake's connection to the files: commit with it.
        fresh: Takes digests of files that were committed.
        turns: The row of the sinks that store.
        positions: Of every partition of the share, as the lake holds them.
        read_to: Next offset to read of each of them.
        at_end: Partitions that have been read to their end.
        looked_s: When Kafka and the catalogue last answered.
        read_rows, stored_rows: Since it was opened; what is stored for sure.
        worked_s: When a batch was last stored, or there was nothing to store; 0 before.
        commits: Transactions since it was opened.
    """

    lake: duckdb.DuckDBPyConnection
    topics: Topics
    reader: Reader
    way: Way
    turns: Turns
    fresh: Fresh
    positions: dict[Place, Position]
    read_to: dict[Place, int]
    at_end: set[Place] = field(default_factory=set)
    looked_s: float = field(default_factory=time.monotonic)
    worked_s: float = 0.0
    commits: int = 0
    read_rows: int = 0
    stored_rows: int = 0


@contextmanager
def opened(
    kafka: str,
    catalog: str,
    files: str,
    inputs: Sequence[Input],
    accepted_topics: Collection[str],
    share: Share = shares.WHOLE,
    memory: str = DEFAULT_MEMORY,
) -> Iterator[Session]:
    """Everything open, the tables there, the reader at the lake's positions; closed when left.

    Args:
        memory: See `open_writer`.
    Raises:
        UnreachableError: Kafka or the catalogue does not answer.
        PositionError: see `positions.decide`.
    """
    names = [entry.topic for entry in inputs]
    topics = Topics(kafka)
    with ExitStack() as parts:
        with tables.only_one(catalog), outside("prepare the lake"):
            way = parts.enter_context(closing(Way()))
            lake = parts.enter_context(closed(open_writer(catalog, files, memory, way=way, at_work_s=COMMITTING_S)))
            tables.prepare(lake, [*(entry.table for entry in inputs), *OWN_TABLES], way)
            kept = positions.read(lake, names)
            found = shares.to_decide(share, kept, topics.extents(names))
            wanted = positions.decide(kept, found, accepted_topics)
            positions.replace(lake, kept, wanted, way)
        owned = shares.own(share, wanted)
        turns = parts.enter_context(closing(Turns(catalog)))
        fresh = parts.enter_context(closing(Fresh(catalog)))
        reader = parts.enter_context(closing(Reader(kafka, owned)))
        read_to = {place: position.next_offset for place, position in owned.items()}
        yield Session(lake, topics, reader, way, turns, fresh, owned, read_to)
