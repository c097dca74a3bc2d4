"""An adapter at work in a PostgreSQL, and somebody else at work beside it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import psycopg

from sinks.records.targets.postgres import PostgresTarget
from tests.integration.records.targets.systems_under_test import PostgresSystem

PATIENCE_S = 60.0


def wait_until(holds: Callable[[], bool], what: str) -> None:
    end_s = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < end_s, what
        time.sleep(0.01)


def waits_for_a_lock(system: PostgresSystem) -> bool:
    return bool(
        system.execute(
            "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE %s",
            f"%{system.table.system}%",
        )
    )


@contextmanager
def opened(system: PostgresSystem, dsn: str | None = None) -> Iterator[PostgresTarget]:
    target = PostgresTarget(system.table.system, dsn or system.dsn)
    try:
        yield target
    finally:
        target.close()


@contextmanager
def transaction(system: PostgresSystem, statement: str) -> Iterator[psycopg.Connection]:
    """Somebody else's transaction, open as long as it is entered; rolled back."""
    with psycopg.connect(system.dsn) as connection:
        connection.execute(statement.encode())
        yield connection
        connection.rollback()
