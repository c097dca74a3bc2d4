"""How transactions of the lake end when they do not commit."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import duckdb


def is_conflict(error: duckdb.Error) -> bool:
    """Whether another transaction was in the way, so that another try may do.

    DuckLake tells of it, or PostgreSQL, where both delete rows that lie in the catalogue: then it is no
    TransactionException. A flush (DuckLake 1.5.5) may go on after PostgreSQL has told, and say only that it cannot.
    """
    told = str(error).lower()
    if "could not serialize" in told:
        return True
    says_so = "conflict" in told or ("delete flushed inlined data" in told and "transaction is aborted" in told)
    return isinstance(error, duckdb.TransactionException) and says_so


def roll_back(connection: duckdb.DuckDBPyConnection) -> None:
    """Ends the transaction, if there is one, whether or not the catalogue still hears of it."""
    with suppress(duckdb.Error):  # there is none, or the catalogue is gone and has ended it by itself
        connection.execute("ROLLBACK")


@contextmanager
def closed(connection: duckdb.DuckDBPyConnection) -> Iterator[duckdb.DuckDBPyConnection]:
    """Closes the connection when left, its open transaction first.

    DuckDB 1.5.5 ends the whole process (abort) when a connection is closed in a transaction whose catalogue is gone.
    Where that left it in no state to roll back, the connection is never closed: that would end the process too.
    """
    try:
        yield connection
    finally:
        try:
            connection.execute("ROLLBACK")
        except duckdb.FatalException:
            ctypes.pythonapi.Py_IncRef(ctypes.py_object(connection))  # so that nobody closes it, at the end either
        except duckdb.Error:
            connection.close()
        else:
            connection.close()
