"""Which of DuckDB's errors are worth another try."""

from __future__ import annotations

import duckdb
import pytest
from psycopg.conninfo import conninfo_to_dict

from schemas.errors import UnreachableError
from sinks.lake.connection import catalogue_parts, lasting, outside_error


@pytest.mark.parametrize(
    "text",
    [
        # As they were met when the catalogue dropped its connections; the second one gave no reason.
        "IO Error: Unable to connect to Postgres at ...: connection refused",
        'TransactionContext Error: Failed to commit: Failed to execute query "ROLLBACK":',
        'Failed to execute query "INSERT INTO "a".b VALUES (5)": ERROR: canceling statement due to lock timeout',
    ],
)
def test_a_catalogue_that_has_gone_is_unreachable(text: str) -> None:
    assert isinstance(outside_error(duckdb.Error(text), "store rows"), UnreachableError)


def test_an_error_quotes_neither_the_statements_of_a_commit_nor_a_stack() -> None:
    refused = duckdb.Error(
        'Failed to execute query "INSERT INTO "a" VALUES (5);\nUPDATE "b": x": ERROR:  no such table'
    )
    assert str(outside_error(refused, "store")) == "Cannot store: Failed to execute query : ERROR: no such table"
    broken = duckdb.InternalException("INTERNAL Error: a value that is NULL\n\nStack Trace:\n\n/a/b(+0x1) [0x7f]")
    assert str(outside_error(broken, "store")) == "Cannot store: INTERNAL Error: a value that is NULL"


def test_an_address_shows_no_password_and_keeps_the_settings_that_it_has() -> None:
    address = "postgresql://vaxel:geheim@host/lake?sslpassword=auch&keepalives_idle=99&options=-c%20lock_timeout%3D1s"
    shown, password = catalogue_parts(address)
    assert password == "geheim"
    assert "geheim" not in shown
    assert "auch" not in shown
    parts = conninfo_to_dict(lasting(address, "-c lock_timeout=10s"))
    assert parts["keepalives_idle"] == "99"
    assert parts["options"] == "-c lock_timeout=10s -c lock_timeout=1s"  # the last one counts
    assert parts["sslpassword"] == "auch"


def test_what_trying_again_cannot_cure_is_not() -> None:
    error = outside_error(duckdb.Error("Conversion Error: Could not convert string 'x' to INT64"), "store rows")
    assert not isinstance(error, UnreachableError)
