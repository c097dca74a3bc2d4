"""One transaction that takes rows out of a table and puts others in, tried again when sinks are in the way."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass

import duckdb

from schemas.errors import OutsideError
from sinks.lake import crash_points
from sinks.lake.connection import outside
from sinks.lake.doubt import Way
from sinks.lake.store import CONFLICTS
from sinks.lake.transactions import is_conflict, roll_back
from sinks.lake.turns import WAIT_S, Turns


@dataclass(frozen=True)
class Exchanged:
    """Rows that a transaction took out and put in."""

    removed: int
    added: int


def exchange(
    connection: duckdb.DuckDBPyConnection, way: Way, address: str, table: str, work: Callable[[], Exchanged]
) -> Exchanged:
    """Does `work` in a transaction, and commits it. An error of `work` leaves the lake as it was.

    DuckLake lets nobody delete from a table into which a sink has inserted meanwhile: the sinks wait while it lasts, by
    courtesy and for ten seconds, so a long one may lose to them, and is then not tried again.

    Args:
        way: Of the connection to the files.
    Raises:
        OutsideError: others commit to the table all the time, or the lake does not work; then the commit may have
            happened or not, all of it.
    """
    with closing(Turns(address)) as turns, outside(f"exchange rows of table {table!r}"):
        for _ in range(CONFLICTS):
            with turns.mine():
                begun_s = time.monotonic()
                done = _attempt(connection, way, work)
                took_s = time.monotonic() - begun_s
            if done is not None:
                crash_points.reached("rebuild.committed")
                return done
            if took_s > WAIT_S:  # longer than sinks wait: the next would lose, too, and leave as many files
                break
    raise OutsideError(
        f"Cannot exchange rows of table {table!r}: others stored into it in the {took_s:.0f} s that it took. Stop the "
        "sinks (`vaxel run`, `vaxel sink lake`) for this, and try again."
    )


def _attempt(connection: duckdb.DuckDBPyConnection, way: Way, work: Callable[[], Exchanged]) -> Exchanged | None:
    """None: others were in the way, and nothing has changed."""
    connection.execute("BEGIN")
    try:
        done = work()
        crash_points.reached("rebuild.in-transaction")
        way.commit(connection)
    except duckdb.Error as error:
        roll_back(connection)
        if not is_conflict(error):
            raise
        return None
    except BaseException:
        roll_back(connection)
        raise
    return done


def changed_rows(connection: duckdb.DuckDBPyConnection, statement: str, arguments: Sequence[object] = ()) -> int:
    """Runs an INSERT or DELETE; how many rows it was about."""
    row = connection.execute(statement, list(arguments)).fetchone()
    assert row is not None, "DuckDB tells how many rows it changed"
    return int(row[0])
