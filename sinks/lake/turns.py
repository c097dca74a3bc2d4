"""The sinks of one lake store one after the other, by courtesy.

DuckLake sees conflicts per table, and every transaction of every sink moves a position in the same table. Of two that
overlap the later one has to be done again, Parquet files and all. Under this lock they do not overlap. It is no guard:
who has waited for long goes ahead without it, so that one frozen sink does not hold up the others, and DuckLake's own
conflicts keep every row stored once. One frozen in the middle of its commit does hold them up, since DuckLake then has
a row of the catalogue; after COMMITTING_S the catalogue ends that transaction, and the frozen sink finds out.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress

import psycopg

from sinks.lake.connection import answering, lasting

LOCK = 0x7661_7865_6C02
"""Key of the PostgreSQL advisory lock in the catalogue's database."""
WAIT_S = 10.0
"""Longest wait for a turn; a transaction of a million rows takes about one second."""
COMMITTING_S = 60
"""Longest that a sink at work on a transaction leaves the catalogue unasked: to write a batch's files takes as long."""


class Turns:
    """One sink's place in the row."""

    def __init__(self, catalog: str, wait_s: float = WAIT_S) -> None:
        """Args: catalog: Address of the catalogue's database.

        Raises:
            UnreachableError: it does not answer.
        """
        self._catalog = catalog
        with answering(catalog):
            self._connection = psycopg.connect(lasting(catalog), autocommit=True)
            self._connection.execute(f"SET lock_timeout = '{int(wait_s * 1000)}ms'".encode())

    @contextmanager
    def mine(self) -> Iterator[bool]:
        """While it lasts, no other sink stores; False where another one has kept its turn for too long.

        Raises:
            UnreachableError: the catalogue does not answer.
        """
        has_lock = self._has_lock()
        try:
            yield has_lock
        finally:
            if has_lock:
                # Without its connection the lock is gone too, and the next turn finds out. What has been committed
                # by now must not look as if it had not.
                with suppress(psycopg.OperationalError):
                    self._connection.execute("SELECT pg_advisory_unlock(%s)", [LOCK])

    def look(self) -> None:
        """Ask the catalogue for a sign of life.

        Raises:
            UnreachableError: it gives none.
        """
        with answering(self._catalog):
            self._connection.execute("SELECT 1")

    def close(self) -> None:
        """Leave the row."""
        self._connection.close()

    def _has_lock(self) -> bool:
        with answering(self._catalog):
            try:
                self._connection.execute("SELECT pg_advisory_lock(%s)", [LOCK])
            except psycopg.errors.LockNotAvailable:
                return False
        return True
