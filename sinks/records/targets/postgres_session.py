"""A connection to a record system's PostgreSQL that is given up rather than waited for without end."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, Final

import psycopg
from psycopg import errors, pq

from schemas.errors import UsageError
from sinks.records.database import CONNECT_TIMEOUT_S

Connection = psycopg.Connection[tuple[Any, ...]]

_SETTINGS: Final = (
    "SET client_encoding = 'UTF8'; SET datestyle = 'ISO, YMD'; SET timezone = 'UTC'; SET intervalstyle = 'iso_8601'"
)
"""Texts of values are read by us, whatever a database or a role is set to."""


def connect(system: str, dsn: str) -> Connection:
    """A connection in autocommit; a dead link is noticed within half a minute.

    Raises:
        UsageError: The address is none.
    """
    try:
        connection = psycopg.connect(
            dsn,
            autocommit=True,
            prepare_threshold=None,  # temporary tables are others each time
            connect_timeout=CONNECT_TIMEOUT_S,
            application_name="vaxel gearbox",
            keepalives_idle=10,
            keepalives_interval=5,
            keepalives_count=3,
        )
    except psycopg.ProgrammingError as error:
        raise UsageError(f"The address of record system {system!r} is no PostgreSQL address.") from error
    try:
        connection.execute(_SETTINGS)
    except BaseException:
        connection.close()
        raise
    return connection


@contextmanager
def cut_after(connection: Connection, seconds: float) -> Iterator[None]:
    """Shuts the connection after so many seconds: a server that stands still keeps the link alive and never answers."""
    link = socket.socket(fileno=os.dup(connection.fileno()))

    def cut() -> None:
        with suppress(OSError):
            link.shutdown(socket.SHUT_RDWR)

    timer = threading.Timer(seconds, cut)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        timer.join()
        link.close()


def copy_out(connection: Connection, query: str) -> bytes:
    """All that a `COPY ... TO STDOUT` gives.

    By libpq's own calls: a million rows cost half of what they do through `Cursor.copy`, which waits for each row.
    """
    handle = connection.pgconn
    begun = handle.exec_(query.encode())
    if begun.status != pq.ExecStatus.COPY_OUT:
        raise _error(connection, begun)
    copied, read = bytearray(), handle.get_copy_data
    while True:
        size, data = read(0)
        if size <= 0:
            break
        copied += data
    ended = handle.get_result()
    while handle.get_result() is not None:
        pass
    if size == -2 or ended is None or ended.status != pq.ExecStatus.COMMAND_OK:
        raise _error(connection, ended)
    return bytes(copied)


def _error(connection: Connection, result: pq.abc.PGresult | None) -> psycopg.Error:
    if result is not None and result.error_field(pq.DiagnosticField.SQLSTATE):
        return errors.error_from_result(result, encoding="utf-8")
    return psycopg.OperationalError(connection.pgconn.get_error_message("utf-8"))
