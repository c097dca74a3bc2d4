"""Which errors of a transaction say that somebody else was in its way."""

from __future__ import annotations

import duckdb
import pytest

from sinks.lake.transactions import is_conflict

FLUSHED = (
    "TransactionContext Error: Failed to delete flushed inlined data in DuckLake from table "
    "ducklake_inlined_data_21_1: Current transaction is aborted (please ROLLBACK)"
)


@pytest.mark.parametrize(
    "error",
    [
        duckdb.TransactionException("Failed to commit: Transaction conflict - attempting to insert into table"),
        duckdb.Error("Failed to commit: could not serialize access due to concurrent update"),
        duckdb.TransactionException(FLUSHED),
    ],
)
def test_what_others_did_in_between_is_worth_another_try(error: duckdb.Error) -> None:
    assert is_conflict(error)


@pytest.mark.parametrize(
    "error",
    [
        duckdb.Error("Transaction conflict"),
        duckdb.TransactionException("Current transaction is aborted (please ROLLBACK)"),
        duckdb.IOException("No space left on device"),
    ],
)
def test_what_is_wrong_with_the_transaction_itself_is_not(error: duckdb.Error) -> None:
    assert not is_conflict(error)
