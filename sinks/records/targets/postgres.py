"""A record system that is a schema of a PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Final

import psycopg
import pyarrow as pa

from schemas.gearbox_ledger import Op
from schemas.records import RecordTable
from sinks.records.targets.clock import now_utc
from sinks.records.targets.postgres_check import faults
from sinks.records.targets.postgres_errors import as_ours
from sinks.records.targets.postgres_reading import read_all, read_some
from sinks.records.targets.postgres_session import Connection, connect, cut_after
from sinks.records.targets.postgres_writing import cancel_batch, unknown_tokens, write_batch
from sinks.records.targets.target import Batch, Written
from sinks.records.values import Key

READ_MOST_S: Final = 600
CANCEL_WAIT_S: Final = 30
"""So long `cancel` waits for a transaction of the same token, which ends at its deadline at the latest."""
LAST_ANSWER_S: Final = 5
"""After a deadline the server may still tell that it was reached."""


class PostgresTarget:
    """One system; a connection of its own, opened when it is needed and given up after any error."""

    def __init__(self, system: str, dsn: str, now: Callable[[], datetime] = now_utc) -> None:
        self.system = system
        self._dsn = dsn
        self._now = now
        self._connection: Connection | None = None

    def check(self, table: RecordTable, fields: Sequence[str], ops: Collection[Op] = ("insert", "update")) -> list[str]:
        with self._session(READ_MOST_S) as connection:
            return faults(connection, table, fields, ops)

    def read(self, table: RecordTable, fields: Sequence[str]) -> pa.Table:
        with self._session(READ_MOST_S) as connection:
            return read_all(connection, table, fields)

    def read_keys(self, table: RecordTable, fields: Sequence[str], keys: Sequence[Key]) -> pa.Table:
        with self._session(READ_MOST_S) as connection:
            return read_some(connection, table, fields, keys)

    def write(self, batch: Batch) -> Written:
        now = self._now()
        with self._session(max(0.0, (batch.deadline_at - now).total_seconds()) + LAST_ANSWER_S) as connection:
            return write_batch(connection, batch, self._now())

    def cancel(self, token: str) -> Written | None:
        with self._session(CANCEL_WAIT_S + LAST_ANSWER_S) as connection:
            return cancel_batch(connection, self.system, token, CANCEL_WAIT_S)

    def unknown(self, tokens: Collection[str]) -> set[str]:
        if not tokens:
            return set()
        with self._session(READ_MOST_S) as connection:
            return unknown_tokens(connection, self.system, list(tokens))

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    @contextmanager
    def _session(self, most_s: float) -> Iterator[Connection]:
        """The connection; what happens meanwhile is told as ours, and ends it."""
        try:
            if self._connection is None or self._connection.closed:
                self._connection = connect(self.system, self._dsn)
            with cut_after(self._connection, most_s):
                yield self._connection
        except psycopg.Error as error:
            self.close()
            raise as_ours(self.system, error) from error
        except BaseException:
            self.close()
            raise
