"""Which of DuckDB's errors are worth another try."""

from __future__ import annotations

import duckdb
import pytest

from schemas.errors import UnreachableError
from sinks.lake.connection import outside_error


@pytest.mark.parametrize(
    "text",
    [
        # As they were met when the catalogue dropped its connections; the second one gave no reason.
        "IO Error: Unable to connect to Postgres at ...: connection refused",
        'TransactionContext Error: Failed to commit: Failed to execute query "ROLLBACK":',
    ],
)
def test_a_catalogue_that_has_gone_is_unreachable(text: str) -> None:
    assert isinstance(outside_error(duckdb.Error(text), "store rows"), UnreachableError)


def test_what_trying_again_cannot_cure_is_not() -> None:
    error = outside_error(duckdb.Error("Conversion Error: Could not convert string 'x' to INT64"), "store rows")
    assert not isinstance(error, UnreachableError)
