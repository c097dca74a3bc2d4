"""Which of PostgreSQL's errors may be otherwise later, and that none tells a value."""

from __future__ import annotations

import psycopg
import pytest
from psycopg import errors

from schemas.errors import OutcomeUnknownError, OutsideError, RecordRefusedError, UnreachableError
from sinks.records.targets.postgres_errors import as_ours

LATER = [
    errors.ConnectionFailure, errors.SerializationFailure, errors.DeadlockDetected, errors.TooManyConnections,
    errors.DiskFull, errors.AdminShutdown, errors.CrashShutdown, errors.CannotConnectNow, errors.QueryCanceled,
    errors.LockNotAvailable, errors.ReadOnlySqlTransaction, errors.TransactionTimeout, errors.IoError,
    errors.IdleInTransactionSessionTimeout, psycopg.OperationalError,
]  # fmt: skip
NEVER = [
    errors.CheckViolation, errors.UniqueViolation, errors.NotNullViolation, errors.ForeignKeyViolation,
    errors.NumericValueOutOfRange, errors.InvalidTextRepresentation, errors.StringDataRightTruncation,
    errors.RaiseException, errors.TriggeredDataChangeViolation,
    psycopg.DataError,
]  # fmt: skip


@pytest.mark.parametrize("error", LATER)
def test_what_may_be_otherwise_later_is_unreachable(error: type[psycopg.Error]) -> None:
    ours = as_ours("erp", error("some reason\nand more"))
    assert type(ours) is UnreachableError
    assert not isinstance(ours, OutcomeUnknownError)
    assert "\n" not in str(ours)


@pytest.mark.parametrize("error", NEVER)
def test_what_will_be_refused_again_is_refused(error: type[psycopg.Error]) -> None:
    ours = as_ours("erp", error("some reason\nand more"))
    assert isinstance(ours, RecordRefusedError)
    assert "\n" not in str(ours)


@pytest.mark.parametrize("error", [errors.InsufficientPrivilege, errors.UndefinedColumn, errors.InvalidSchemaName])
def test_what_is_no_rows_fault_turns_no_row_down(error: type[psycopg.Error]) -> None:
    assert type(as_ours("erp", error("permission denied for table x"))) is OutsideError


@pytest.mark.parametrize("error", [errors.UniqueViolation, errors.InvalidTextRepresentation, psycopg.DataError])
def test_a_message_that_may_quote_a_value_is_not_passed_on(error: type[psycopg.Error]) -> None:
    assert "cu-1" not in str(as_ours("erp", error('invalid input: "cu-1"')))


def test_what_a_rule_says_by_itself_is_passed_on() -> None:
    ours = as_ours("erp", errors.RaiseException("invoices are final\nCONTEXT: somewhere"))
    assert str(ours) == "Record system 'erp' refuses: invoices are final (SQLSTATE P0001)."
