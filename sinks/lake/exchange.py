"""One transaction that takes rows out of a table and puts others in, tried again when sinks are in the way."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass

import duckdb

from schemas.errors import OutsideError
from sinks.lake import crash_points
from sinks.lake.connection import outside
from sinks.lake.store import CONFLICTS
from sinks.lake.turns import Turns


@dataclass(frozen=True)
class Exchanged:
    """Rows that a transaction took out and put in."""

    removed: int
    added: int


def exchange(
    connection: duckdb.DuckDBPyConnection, address: str, table: str, work: Callable[[], Exchanged]
) -> Exchanged:
    """Does `work` in a transaction, and commits it. An error of `work` leaves the lake as it was.

    DuckLake lets nobody delete from a table into which a sink has inserted meanwhile: the sinks wait while it lasts, by
    courtesy and for ten seconds, so a long one may lose to them.

    Raises:
        OutsideError: others commit to the table all the time, or the lake does not work.
    """
    with closing(Turns(address)) as turns, outside(f"exchange rows of table {table!r}"):
        for _ in range(CONFLICTS):
            with turns.mine(), _transaction(connection):
                done = work()
                crash_points.reached("rebuild.in-transaction")
                if _is_committed(connection):
                    crash_points.reached("rebuild.committed")
                    return done
    raise OutsideError(
        f"Cannot exchange rows of table {table!r}: {CONFLICTS} times others stored into it meanwhile. Stop the sinks "
        "(`vaxel run`, `vaxel sink lake`) for this, and try again."
    )


@contextmanager
def _transaction(connection: duckdb.DuckDBPyConnection) -> Iterator[None]:
    connection.execute("BEGIN")
    try:
        yield
    except BaseException:
        with suppress(duckdb.Error):
            connection.execute("ROLLBACK")
        raise


def _is_committed(connection: duckdb.DuckDBPyConnection) -> bool:
    try:
        connection.execute("COMMIT")
    except duckdb.TransactionException as error:
        if "conflict" not in str(error).lower():
            raise
        with suppress(duckdb.TransactionException):  # a commit that conflicts has rolled back already
            connection.execute("ROLLBACK")
        return False
    return True


def changed_rows(connection: duckdb.DuckDBPyConnection, statement: str, arguments: Sequence[object] = ()) -> int:
    """Runs an INSERT or DELETE; how many rows it was about."""
    row = connection.execute(statement, list(arguments)).fetchone()
    assert row is not None, "DuckDB tells how many rows it changed"
    return int(row[0])
