"""Stores one batch in a thread of its own while the next one is read: two batches are in memory at most."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

import duckdb

from sinks.lake import flushing
from sinks.lake.batch import Batch
from sinks.lake.connection import outside
from sinks.lake.positions import Position
from sinks.lake.session import Session
from sinks.lake.store import store
from sinks.lake.transactions import is_conflict, roll_back


@dataclass(frozen=True)
class Stored:
    """One transaction that the lake took."""

    rows: dict[str, int]
    """By table name."""
    took_s: float
    caught_up: bool
    """Whether every partition of the share had been read to its end."""
    conflicts: int = 0
    """Attempts that were lost to transactions of others."""


class Storing:
    """The thread. Only it uses the lake's connection once the session is open; use as a context."""

    def __init__(self, session: Session, flush_after: int, report: Callable[[Stored], None]) -> None:
        """Args: flush_after: see `sink.Settings`; report: called after each transaction, from the thread."""
        self._session = session
        self._flush_after = flush_after
        self._report = report
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="lake-store")
        self._running: Future[None] | None = None
        self._batch: Batch | None = None

    def __enter__(self) -> Storing:
        return self

    def __exit__(self, *_: object) -> None:
        """Waits for what runs; what went wrong in it is seen by the next session, which reads the lake's positions."""
        self._thread.shutdown(wait=True)

    @property
    def held(self) -> tuple[int, int]:
        """Rows and bytes of the batch that is being stored."""
        return (0, 0) if self._batch is None else (self._batch.row_count, self._batch.bytes_held)

    @property
    def is_idle(self) -> bool:
        """Whether nothing is being stored. What went wrong is raised here.

        Raises:
            OutsideError: see `store`.
        """
        if self._running is not None and self._running.done():
            self.wait()
        return self._running is None

    def begin(self, batch: Batch) -> None:
        """Waits until the batch before is stored, then stores this one while the caller reads on.

        Raises:
            OutsideError: the batch before could not be stored; this one was not begun.
        """
        self.wait()
        self._batch = batch
        caught_up = self._session.at_end >= self._session.positions.keys()
        self._running = self._thread.submit(self._store, batch, caught_up)

    def wait(self) -> None:
        """Until nothing is being stored.

        Raises:
            OutsideError: it could not be stored.
        """
        running, self._running = self._running, None
        if running is not None:
            running.result()
        self._batch = None

    def _store(self, batch: Batch, caught_up: bool) -> None:
        session, begun_s = self._session, time.monotonic()
        rows = batch.rows()
        with session.turns.mine(), outside("store rows in the lake"):
            conflicts = store(session.lake, rows, session.positions, batch.ends, session.way)
        for place, next_offset in batch.ends.items():
            session.positions[place] = Position(session.positions[place].topic_id, next_offset)
        session.commits += 1
        session.looked_s = session.worked_s = time.monotonic()
        counts = {table: part.num_rows for table, part in rows.items()}
        session.stored_rows += batch.row_count
        self._report(Stored(counts, session.looked_s - begun_s, caught_up, conflicts))
        session.fresh.take()
        if session.commits % self._flush_after == 0:
            self._flush()

    def _flush(self) -> None:
        """Moves small inserts from the catalogue to files; where another sink is in the way, next time will do."""
        session = self._session
        with outside("move small inserts from the catalogue to files"):
            for table in flushing.waiting(session.lake):
                self._in_turn(partial(flushing.to_files, session.lake, table))
            if flushing.positions_left(session.lake):
                self._in_turn(partial(flushing.take_positions_back, session.lake))

    def _in_turn(self, work: Callable[[], int]) -> None:
        session = self._session
        with session.turns.mine():
            try:
                session.lake.execute("BEGIN")
                work()
                session.way.commit(session.lake)
            except duckdb.Error as error:
                if not is_conflict(error):
                    raise
                roll_back(session.lake)
