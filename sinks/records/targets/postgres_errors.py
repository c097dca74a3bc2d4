"""What PostgreSQL's errors mean for the gearbox, as one line without a customer's values. Pure."""

from __future__ import annotations

from typing import Final

import psycopg

from schemas.errors import OutsideError, RecordRefusedError, UnreachableError

_LATER: Final = {
    "25006": "is read-only",
    "25P03": "ended the transaction, which was idle too long",
    "25P04": "ended the transaction, which had reached its deadline",
    "55P03": "is locked by somebody else",
    "57014": "cancelled a statement, which took too long",
}
"""What may be otherwise next time, by SQLSTATE."""

_LATER_CLASSES: Final = ("08", "40", "53", "57", "58")
"""Of connection, rollback (deadlock, serialization), resources, operator, system."""

_WHOLE_CLASSES: Final = ("3F", "42")
"""Of rights, tables and columns: no row is at fault, so none is turned down."""


def as_ours(system: str, error: psycopg.Error) -> OutsideError:
    """The error to raise, of a call that has written nothing."""
    state = error.sqlstate
    if state in _LATER:
        return UnreachableError(f"Record system {system!r} {_LATER[state]} (SQLSTATE {state}). Nothing was written.")
    if state is not None and state.startswith(_WHOLE_CLASSES):
        return OutsideError(f"Record system {system!r} cannot be written to: {_line(error)} (SQLSTATE {state}).")
    if state is not None and not state.startswith(_LATER_CLASSES):
        return RecordRefusedError(f"Record system {system!r} refuses: {_told(error)} (SQLSTATE {state}).")
    if state is None and isinstance(error, psycopg.DataError | psycopg.ProgrammingError):
        return RecordRefusedError(f"Record system {system!r} cannot hold a value: {type(error).__name__}.")
    return UnreachableError(f"Record system {system!r} does not answer: {_line(error)}")


def _told(error: psycopg.Error) -> str:
    """What a message may say: names of constraints and columns, and what a rule says by itself, but no value.

    PostgreSQL's own messages of data errors quote the value; those of syntax, rights and RAISE do not.
    """
    state = error.sqlstate or ""
    if state.startswith("P0"):
        return _line(error)
    place = error.diag.constraint_name or error.diag.column_name
    return f"{type(error).__name__}{f' of {place}' if place else ''}"


def _line(error: psycopg.Error) -> str:
    return (error.diag.message_primary or str(error)).strip().partition("\n")[0]
