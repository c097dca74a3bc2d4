"""The sinks of one lake commit one after the other.

DuckLake tells two transactions that move the same position apart, but once, on a machine with much else to do, two
sinks of one partition both committed: what one of them had read was in the lake twice. Under this lock a transaction
begins after the one before has ended, so that it sees where that one left the position. Sinks of different partitions
lose nothing by it: their commits conflict anyway, table by table.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg

from schemas.errors import UnreachableError
from sinks.lake.connection import ANSWER_WITHIN_S

LOCK = 0x7661_7865_6C02
"""Key of the PostgreSQL advisory lock in the catalogue's database."""
_LOCK_WAIT = "SET lock_timeout = '60s'"


class Turns:
    """One sink's place in the row."""

    def __init__(self, catalog: str) -> None:
        """Args: catalog: Address of the catalogue's database.

        Raises:
            UnreachableError: it does not answer.
        """
        with _answering():
            self._connection = psycopg.connect(catalog, autocommit=True, connect_timeout=ANSWER_WITHIN_S)
            self._connection.execute(_LOCK_WAIT)

    @contextmanager
    def mine(self) -> Iterator[None]:
        """While it lasts, no other sink commits.

        Raises:
            UnreachableError: the catalogue does not answer, or another sink holds the lock for over a minute. After the
                body the lock is gone with the connection, and only the positions tell what was committed.
        """
        with _answering():
            self._connection.execute("SELECT pg_advisory_lock(%s)", [LOCK])
        try:
            yield
        finally:
            with _answering():
                self._connection.execute("SELECT pg_advisory_unlock(%s)", [LOCK])

    def close(self) -> None:
        """Leave the row."""
        self._connection.close()


@contextmanager
def _answering() -> Iterator[None]:
    try:
        yield
    except psycopg.OperationalError as error:
        raise UnreachableError(
            f"The lake's catalogue does not answer, or another sink is at work: {' '.join(str(error).split())}"
        ) from error
