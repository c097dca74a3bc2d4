"""The sink: reads on from the lake's positions, stores batch after batch, stops when told.

In:         committed records of the input topics.
Out:        rows of the lake, and the positions behind them.
Guarantee:  see `sinks.lake.store`: both in one transaction, nothing else acknowledges.
On failure: `run` opens everything anew from the positions when something does not answer, and gives up after a while.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from threading import Event

from schemas.errors import PositionError, UnreachableError
from schemas.lake import INPUTS, Input
from sinks.lake.batch import Batch
from sinks.lake.connection import DEFAULT_MEMORY
from sinks.lake.session import Session, opened
from sinks.lake.shares import WHOLE, Share
from sinks.lake.storing import Stored, Storing
from sinks.lake.topics import End
from sinks.lake.watch import Watch

POLL_S = 0.1
FIRST_PAUSE_S = 0.5
LONGEST_PAUSE_S = 8.0
SHOW_EVERY_S = 1.0


@dataclass(frozen=True)
class Settings:
    """What is read, when a batch is stored, and how long to wait for others.

    Attributes:
        share: The partitions that this sink reads.
        max_rows: Rows in a batch, about; one record more may come on top. So for `max_bytes`.
        max_age_s: Longest that a row waits.
        max_idle_s: Longest that a move over nothing but transaction markers waits, and that topics go unlooked at.
        patience_s: How long Kafka, the catalogue or room for files may be away before the sink gives up.
        memory: Most memory of DuckDB, which sorts and writes a batch; it has two more batches beside it.
        flush_after: Transactions after which small inserts leave the catalogue for Parquet files. Measured: 3,000
            transactions of 37 rows without it make each 90 ms slower than the first.
    """

    share: Share = WHOLE
    max_rows: int = 1_000_000
    max_bytes: int = 256 * 1024 * 1024
    max_age_s: float = 1.0
    max_idle_s: float = 10.0
    patience_s: float = 60.0
    memory: str = DEFAULT_MEMORY
    flush_after: int = 1_000


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
    watch: Watch | None = None,
) -> None:
    """Stores until `stop` is set; what has been read by then is stored first.

    Args:
        accepted_topics: See `positions.decide`.
        report: Called after each transaction, from the thread that stores.
        tell: Called with one line when something does not answer and is tried again.
        watch: Is kept up to date, about once a second.
    Raises:
        UnreachableError: something was away for longer than `patience_s`, or when `stop` was set with rows at hand.
        PositionError: a topic was created again, or lost what comes next.
        OutsideError: another sink owns a partition, or a record cannot be read.
    """
    watch = Watch() if watch is None else watch
    worked_s = time.monotonic()
    pause_s = FIRST_PAUSE_S
    failure, unstored_rows = None, 0
    while not stop.is_set():
        session = None
        try:
            with opened(kafka, catalog, files, inputs, accepted_topics, settings.share, settings.memory) as session:
                accepted_topics, failure, unstored_rows = (), None, 0  # what was read before is read again
                if not session.positions:
                    tell(f"No topic has a partition in share {settings.share}: waiting for one.")
                _follow(session, stop, inputs, settings, report, watch)
        except UnreachableError as error:
            failure = error
            if session is not None:
                unstored_rows = session.read_rows - session.stored_rows
            # Where files find no room, all opens well each time: only what was done counts.
            if session is not None and session.worked_s > worked_s:
                worked_s, pause_s = session.worked_s, FIRST_PAUSE_S
            if time.monotonic() - worked_s > settings.patience_s:
                raise
            tell(f"{error} Trying again in {pause_s:g} s.")
            stop.wait(pause_s)
            pause_s = min(2 * pause_s, LONGEST_PAUSE_S)
    if failure is not None and unstored_rows:
        raise UnreachableError(
            f"Stopped with {unstored_rows:,} rows read and not stored, or not known to be. Nothing is lost: the next "
            f"sink begins where the lake is. {failure}"
        ) from failure


def _follow(
    session: Session,
    stop: Event,
    inputs: Sequence[Input],
    settings: Settings,
    report: Callable[[Stored], None],
    watch: Watch,
) -> None:
    """Reads and stores until `stop` is set or a topic has gained partitions."""
    by_topic = {entry.topic: entry for entry in inputs}
    batch, begun_s, shown_s = Batch(by_topic), time.monotonic(), 0.0
    with Storing(session, settings.flush_after, report) as storing:
        while True:
            was_empty = not batch.ends
            _take(session, batch)
            now_s = time.monotonic()
            if was_empty:
                begun_s = now_s
            is_idle = storing.is_idle
            if now_s - shown_s > SHOW_EVERY_S:
                shown_s = now_s
                _show(session, batch, storing, watch)
            if stop.is_set() or _is_due(batch, now_s - begun_s, settings):
                grown = _has_grown(session, by_topic, settings.share)
                if batch.ends:
                    storing.begin(batch)
                batch = Batch(by_topic)
                if stop.is_set() or grown:
                    storing.wait()
                    return _show(session, batch, storing, watch)
            elif is_idle and now_s - session.looked_s > settings.max_idle_s:
                session.turns.look()
                if _has_grown(session, by_topic, settings.share):
                    return None
                if not batch.ends:
                    session.worked_s = session.looked_s


def _take(session: Session, batch: Batch) -> None:
    """Moves what Kafka has next, if anything, into the batch."""
    read = session.reader.next(POLL_S)
    if isinstance(read, End):
        session.at_end.add(read.place)
        if read.next_offset > session.read_to[read.place]:
            session.read_to[read.place] = read.next_offset
            batch.reach(read.place, read.next_offset)
    elif read is not None:
        place = (read.topic, read.partition)
        session.at_end.discard(place)
        session.read_to[place] = read.offset + 1
        before = batch.row_count
        batch.add(read)
        session.read_rows += batch.row_count - before


def _is_due(batch: Batch, age_s: float, settings: Settings) -> bool:
    if batch.row_count >= settings.max_rows or batch.bytes_held >= settings.max_bytes:
        return True
    return age_s >= (settings.max_age_s if batch.row_count else settings.max_idle_s) and bool(batch.ends)


def _has_grown(session: Session, topics: Collection[str], share: Share) -> bool:
    """Whether the share has new partitions. Ids are never used again: one that is the same was not another between.

    Raises:
        PositionError: a topic was deleted and created again.
    """
    found = {place: topic_id for place, topic_id in session.topics.partitions(topics).items() if share.owns(place[1])}
    session.looked_s = time.monotonic()
    for place, position in session.positions.items():
        if found.get(place, position.topic_id) != position.topic_id:
            raise PositionError(
                f"Topic {place[0]!r} was deleted and created again while the sink read it; what was read since is not "
                "stored. Start the sink again to see the choices."
            )
    return found.keys() != session.positions.keys()


def _show(session: Session, batch: Batch, storing: Storing, watch: Watch) -> None:
    """What whoever watches may know by now."""
    rows, size_bytes = storing.held
    lag = Counter[str]()
    for place, position in session.positions.items():
        # At its end a partition holds nothing behind what was read, whatever offsets its open transactions have.
        end = session.read_to[place] if place in session.at_end else session.reader.end(place)
        lag[place[0]] += max(0, (session.read_to[place] if end is None else end) - position.next_offset)
    watch.worked_s = max(watch.worked_s, session.worked_s)
    watch.held_rows, watch.held_bytes = rows + batch.row_count, size_bytes + batch.bytes_held
    watch.partitions, watch.lag = len(session.positions), lag
    watch.caught_up = not watch.held_rows and session.at_end >= session.positions.keys()
