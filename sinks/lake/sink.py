"""The sink: reads on from the lake's positions, stores batch after batch, stops when told.

In:         committed records of the input topics.
Out:        rows of the lake, and the positions behind them.
Guarantee:  see `sinks.lake.store`: both in one transaction, nothing else acknowledges.
On failure: `run` opens everything anew from the positions when something does not answer, and gives up after a while.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass
from threading import Event

import duckdb

from schemas.errors import PositionError, UnreachableError
from schemas.lake import INPUTS, Input
from sinks.lake.batch import Batch
from sinks.lake.connection import LAKE, outside
from sinks.lake.positions import Position
from sinks.lake.session import Session, opened
from sinks.lake.store import store
from sinks.lake.topics import End

POLL_S = 0.1
FIRST_PAUSE_S = 0.5
LONGEST_PAUSE_S = 8.0


@dataclass(frozen=True)
class Settings:
    """When a batch is stored, and how long to wait for others.

    Attributes:
        max_rows: Rows in a batch, about; one record more may come on top. So for `max_bytes`.
        max_age_s: Longest that a row waits.
        max_idle_s: Longest that a move over nothing but transaction markers waits, and that topics go unlooked at.
        patience_s: How long Kafka and the catalogue may be away before the sink gives up.
        flush_after: Transactions after which small inserts leave the catalogue for Parquet files. Measured: 3,000
            transactions of 37 rows without it make each 90 ms slower than the first.
    """

    max_rows: int = 1_000_000
    max_bytes: int = 256 * 1024 * 1024
    max_age_s: float = 1.0
    max_idle_s: float = 10.0
    patience_s: float = 60.0
    flush_after: int = 1_000


@dataclass(frozen=True)
class Stored:
    """One transaction that the lake took."""

    rows: dict[str, int]
    """By table name."""
    took_s: float
    caught_up: bool
    """Whether every partition had been read to its end."""


def run(
    kafka: str,
    catalog: str,
    files: str,
    *,
    stop: Event,
    inputs: Sequence[Input] = INPUTS,
    settings: Settings = Settings(),
    accepted_topics: Collection[str] = (),
    report: Callable[[Stored], None] = lambda _: None,
    tell: Callable[[str], None] = lambda _: None,
) -> None:
    """Stores until `stop` is set; what has been read by then is stored first.

    Args:
        accepted_topics: See `positions.decide`.
        report: Called after each transaction.
        tell: Called with one line when something does not answer and is tried again.
    Raises:
        UnreachableError: Kafka or the catalogue was away for longer than `patience_s`.
        PositionError: a topic was created again, or lost what comes next.
        OutsideError: another sink owns a partition, or a record cannot be read.
    """
    answered_s = time.monotonic()
    pause_s = FIRST_PAUSE_S
    while not stop.is_set():
        session = None
        try:
            with opened(kafka, catalog, files, inputs, accepted_topics) as session:
                accepted_topics, pause_s = (), FIRST_PAUSE_S
                _follow(session, stop, inputs, settings, report)
        except UnreachableError as error:
            if session is not None:
                answered_s = max(answered_s, session.looked_s)
            if time.monotonic() - answered_s > settings.patience_s:
                raise
            tell(f"{error} Trying again in {pause_s:g} s.")
            stop.wait(pause_s)
            pause_s = min(2 * pause_s, LONGEST_PAUSE_S)


def _follow(
    session: Session,
    stop: Event,
    inputs: Sequence[Input],
    settings: Settings,
    report: Callable[[Stored], None],
) -> None:
    """Reads and stores until `stop` is set or a topic has gained partitions."""
    by_topic = {entry.topic: entry for entry in inputs}
    batch, begun_s = Batch(by_topic), time.monotonic()
    while True:
        was_empty = not batch.ends
        _take(session, batch)
        now_s = time.monotonic()
        if was_empty:
            begun_s = now_s
        if stop.is_set() or _is_due(batch, now_s - begun_s, settings):
            grown = _has_grown(session, by_topic)
            if batch.ends:
                report(_stored(session, batch))
                _flush(session, settings)
            batch = Batch(by_topic)
            if stop.is_set() or grown:
                return
        elif now_s - session.looked_s > settings.max_idle_s and _has_grown(session, by_topic):
            return


def _take(session: Session, batch: Batch) -> None:
    """Moves what Kafka has next, if anything, into the batch."""
    read = session.reader.next(POLL_S)
    if isinstance(read, End):
        session.at_end.add(read.place)
        if read.next_offset > batch.ends.get(read.place, session.positions[read.place].next_offset):
            batch.reach(read.place, read.next_offset)
    elif read is not None:
        session.at_end.discard((read.topic, read.partition))
        batch.add(read)


def _is_due(batch: Batch, age_s: float, settings: Settings) -> bool:
    if batch.row_count >= settings.max_rows or batch.bytes_held >= settings.max_bytes:
        return True
    return age_s >= (settings.max_age_s if batch.row_count else settings.max_idle_s) and bool(batch.ends)


def _has_grown(session: Session, topics: Collection[str]) -> bool:
    """Whether there are new partitions. Ids are never used again: one that has not changed was not another between.

    Raises:
        PositionError: a topic was deleted and created again.
    """
    found = session.topics.partitions(topics)
    session.looked_s = time.monotonic()
    for place, position in session.positions.items():
        if found.get(place, position.topic_id) != position.topic_id:
            raise PositionError(
                f"Topic {place[0]!r} was deleted and created again while the sink read it; what was read since is not "
                "stored. Start the sink again to see the choices."
            )
    return found.keys() != session.positions.keys()


def _stored(session: Session, batch: Batch) -> Stored:
    begun_s = time.monotonic()
    rows = batch.rows()
    with outside("store rows in the lake"):
        store(session.lake, rows, session.positions, batch.ends)
    for place, next_offset in batch.ends.items():
        session.positions[place] = Position(session.positions[place].topic_id, next_offset)
    session.commits += 1
    counts = {table: part.num_rows for table, part in rows.items()}
    return Stored(counts, time.monotonic() - begun_s, session.at_end >= session.positions.keys())


def _flush(session: Session, settings: Settings) -> None:
    """Moves small inserts from the catalogue to files; when another sink is in the way, next time will do."""
    if session.commits % settings.flush_after:
        return
    with outside("move small inserts from the catalogue to files"), suppress(duckdb.TransactionException):
        session.lake.execute(f"CALL ducklake_flush_inlined_data('{LAKE}')")
