"""Transactions that give way: tried again when a sink was in their way, left to the next run when it was each time."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import TypeVar

import duckdb

from schemas.lake import SINK_POSITION
from sinks.lake.care_plan import Plan
from sinks.lake.doubt import Way
from sinks.lake.transactions import is_conflict, roll_back
from sinks.lake.turns import Turns

PAUSES_S = (0.05, 0.1, 0.2, 0.4, 0.8, 1.6, 3.2)
"""Between attempts at a transaction that conflicts with a sink's; one attempt more than pauses."""

T = TypeVar("T")


@dataclass
class Work:
    """What the steps work with.

    Attributes:
        lake: Whoever commits with it commits through `way`.
        plain: Another one, that calls files as the catalogue does; it writes none.
        first_file: Number of the first file that was written since the beginning.
    """

    lake: duckdb.DuckDBPyConnection
    way: Way
    plain: duckdb.DuckDBPyConnection
    catalog: str
    plan: Plan
    now_ms: int
    turns: Turns
    moved: Callable[[int, float], None]
    first_file: int
    left: list[str] = field(default_factory=list)

    def in_turn(self, what: str, transaction: Callable[[], int]) -> int:
        """As `attempt`, while sinks wait for it: for what DuckLake lets nobody do who was overtaken by an insert."""

        def with_turn() -> int:
            with self.turns.mine():
                return self._committed(transaction)

        return self.tried(what, with_turn)

    def attempt(self, what: str, transaction: Callable[[], int]) -> int:
        """What the transaction returns; 0, and a word about it, when others are in its way each time."""
        return self.tried(what, lambda: self._committed(transaction))

    def call(self, table: str, statement: str) -> int:
        """Sum of the last column of what the CALL returns. Positions are what sinks delete from all the time."""
        run = self.in_turn if table == SINK_POSITION.name else self.attempt
        return run(table, lambda: sum(int(row[-1]) for row in self.lake.execute(statement).fetchall()))

    def tried(self, what: str, committed: Callable[[], int]) -> int:
        """As `attempt`, for what commits by itself."""
        for pause_s in (*PAUSES_S, 0.0):
            try:
                return committed()
            except duckdb.Error as error:
                if not is_conflict(error):
                    raise
                time.sleep(pause_s)
        self.left.append(f"{what}: sinks committed in between, {len(PAUSES_S) + 1} times")
        return 0

    def _committed(self, transaction: Callable[[], int]) -> int:
        self.lake.execute("BEGIN")
        try:
            count = transaction()
            self.way.commit(self.lake)
        except BaseException:
            roll_back(self.lake)
            raise
        return count

    def each(self, number: int, things: Iterable[T]) -> Iterator[T]:
        """The things, telling how far through them step `number` is."""
        known = list(things)
        for index, thing in enumerate(known):
            self.moved(number, index / len(known))
            yield thing
