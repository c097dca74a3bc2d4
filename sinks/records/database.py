"""Sessions with the record systems' PostgreSQL, and its errors as ours."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg import conninfo, errors
from psycopg.rows import dict_row

from schemas.errors import OutsideError, UnreachableError, UsageError

Connection = psycopg.Connection[dict[str, Any]]

CONNECT_TIMEOUT_S = 10


@contextmanager
def session(dsn: str) -> Iterator[Connection]:
    """A connection in autocommit, rows as dicts; transactions are opened where they are needed.

    Raises:
        UnreachableError: The server does not answer, or went away.
        UsageError: The address is none, or the tables are not there.
        OutsideError: The server refused a statement.
    """
    try:
        with psycopg.connect(
            dsn,
            autocommit=True,
            row_factory=dict_row,
            connect_timeout=CONNECT_TIMEOUT_S,
            application_name="vaxel gearbox",
        ) as connection:
            yield connection
    except (errors.UndefinedTable, errors.InvalidSchemaName, errors.UndefinedColumn) as error:
        raise UsageError(
            f"The record systems at {where(dsn)} are not set up: {first_line(error)}. Run `vaxel seed` first."
        ) from error
    except psycopg.ProgrammingError as error:
        raise UsageError(f"The record systems at {where(dsn)} refuse the call: {first_line(error)}") from error
    except psycopg.OperationalError as error:
        raise UnreachableError(f"The record systems at {where(dsn)} do not answer: {first_line(error)}") from error
    except psycopg.DataError as error:  # its text quotes the value, which may be of a customer
        raise OutsideError(f"The record systems at {where(dsn)} refuse a value: {type(error).__name__}") from error
    except psycopg.Error as error:
        raise OutsideError(f"The record systems at {where(dsn)} refuse: {first_line(error)}") from error
    except UnicodeEncodeError as error:  # half of a character, of a terminal that writes no UTF-8
        raise UsageError(f"A text holds U+{ord(error.object[error.start]):04X}, which is no character.") from error


def where(dsn: str) -> str:
    """Host, port and database of an address, without the secrets in it."""
    try:
        parts = conninfo.conninfo_to_dict(dsn)
    except psycopg.ProgrammingError:
        return "an address that is none"
    return f"{parts.get('host') or 'localhost'}:{parts.get('port') or 5432}/{parts.get('dbname') or ''}"


def first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0]
