"""Looks back into the audit: who changed which field when, from what to what, and what else happened. Only reads."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from schemas.errors import UsageError
from schemas.gearbox_ledger import AuditEvent
from schemas.records import BY_NAME, Kind, RecordTable
from sinks.records.database import Connection
from sinks.records.gear import flow as flows
from sinks.records.gear import sets
from sinks.records.values import Key, Value, from_json, key_text, to_json

PEOPLE_SHOWN = 20


@dataclass(frozen=True)
class Filters:
    """Which rows of the audit are wanted; None wants all.

    Attributes:
        key: Parts of the key, by column; all of the table's key, or some of it.
        who: Name of a person as somebody typed it.
        since: Rows of that instant and later.
        is_any_event: Not only written fields, but all that happened.
    """

    table: str | None = None
    key: Mapping[str, str] = field(default_factory=dict)
    field: str | None = None
    who: str | None = None
    flow: str | None = None
    change_set_id: int | None = None
    since: datetime | None = None
    is_any_event: bool = False


@dataclass(frozen=True)
class LogRow:
    """One row of the audit without its hash; texts as the ledger holds them."""

    audit_no: int
    at: datetime
    event: AuditEvent
    who: str
    change_set_id: int | None
    change_no: int | None
    flow: str | None
    target_table: str | None
    key: str | None
    field: str | None
    before: str | None
    after: str | None
    stored: str | None
    detail: str | None


COLUMNS = (
    "audit_no, at, event, who, change_set_id, change_no, flow, target_table, key, field, before, after, stored, detail"
)


def rows(connection: Connection, filters: Filters, limit: int, folded: Callable[[str], str]) -> list[LogRow]:
    """Rows of the audit, newest first.

    Args:
        folded: The canonical form of a person's name: two spellings of one person have the same.

    Raises:
        UsageError: Table, field, flow, change set, person or a part of the key is none; the message lists the choices.
    """
    wanted: list[str] = [] if filters.is_any_event else ["event = 'written'"]
    given: dict[str, Any] = {"limit": limit}
    for column, value in (
        ("target_table", filters.table),
        ("field", filters.field),
        ("flow", filters.flow),
        ("change_set_id", filters.change_set_id),
    ):
        if value is not None:
            wanted.append(f"{column} = %({column})s")
            given[column] = value
    if filters.flow is not None:
        _check_flow(connection, filters.flow)
    if filters.change_set_id is not None:
        sets.load(connection, filters.change_set_id, [])  # for what it says of one that is not there
    table = None if filters.table is None else table_of(filters.table)
    if table is not None and filters.field is not None:
        check_field(table, filters.field)
    if filters.key:
        wanted += _key_conditions(table, filters.key, given)
    if filters.since is not None:
        wanted.append("at >= %(since)s")
        given["since"] = filters.since
    if filters.who is not None:
        wanted.append("who = ANY (%(who)s)")
        given["who"] = _spellings(connection, filters.who, folded)
    where = f"WHERE {' AND '.join(wanted)}" if wanted else ""
    found = connection.execute(
        f"SELECT {COLUMNS} FROM gearbox.audit {where} ORDER BY audit_no DESC LIMIT %(limit)s".encode(), given
    )
    return [LogRow(**row) for row in found]


def table_of(name: str) -> RecordTable:
    """The record table of that name.

    Raises:
        UsageError: There is none.
    """
    if name not in BY_NAME:
        raise UsageError(f"There is no record table {name!r}; tables are {', '.join(BY_NAME)}.")
    return BY_NAME[name]


def check_field(table: RecordTable, name: str) -> None:
    """
    Raises:
        UsageError: The table has no such field beside its key.
    """
    fields = [column for column in table.column_names if column not in table.key]
    if name not in fields:
        raise UsageError(f"{table.full_name} has no field {name!r}; its fields are {', '.join(fields)}.")


def key_of(table: RecordTable, parts: Mapping[str, str]) -> Key:
    """The key that these texts spell, in the key's order.

    Raises:
        UsageError: A part is missing, is none of the key's, or is no value of its kind.
    """
    _check_names(table, parts)
    missing = [name for name in table.key if name not in parts]
    if missing:
        raise UsageError(f"The key of {table.full_name} is {' '.join(table.key)}; {', '.join(missing)} is not given.")
    return tuple(_value(table.column(name).kind, name, parts[name]) for name in table.key)


def _check_names(table: RecordTable, parts: Mapping[str, str]) -> None:
    unknown = [name for name in parts if name not in table.key]
    if unknown:
        raise UsageError(
            f"The key of {table.full_name} has no column {', '.join(unknown)}; it is {' '.join(table.key)}."
        )


def _value(kind: Kind, name: str, text: str) -> Value:
    accepted = {"date": "a date, 2026-05-01", "instant": "an instant, 2026-05-01T12:00:00Z", "integer": "a number"}
    try:
        value = from_json(kind, text)
        if isinstance(value, datetime) and value.tzinfo is None:
            raise UsageError(f"{name} {text!r} does not say its time zone: give {accepted['instant']}.")
    except (ValueError, ArithmeticError) as error:
        raise UsageError(f"{name} {text!r} is not {accepted.get(kind, 'a value of its kind')}.") from error
    return value


def _key_conditions(table: RecordTable | None, parts: Mapping[str, str], given: dict[str, Any]) -> list[str]:
    if table is not None:
        _check_names(table, parts)
        if set(parts) == set(table.key):
            given["key"] = key_text(table.key, key_of(table, parts))
            return ["key = %(key)s"]
        parts = {name: str(to_json(_value(table.column(name).kind, name, text))) for name, text in parts.items()}
    conditions = []
    for index, (name, text) in enumerate(parts.items()):
        conditions.append(f"key::jsonb ->> %(name_{index})s = %(part_{index})s")
        given |= {f"name_{index}": name, f"part_{index}": text}
    return conditions


def _check_flow(connection: Connection, name: str) -> None:
    """
    Raises:
        UsageError: There is no such flow, nor was there one that ever planned something.
    """
    past = connection.execute("SELECT DISTINCT flow FROM gearbox.change_set").fetchall()
    known = sorted({*flows.names(), *(row["flow"] for row in past)})
    if name not in known:
        raise UsageError(f"There is no flow {name!r}; flows are {', '.join(known)}.")


def _spellings(connection: Connection, who: str, folded: Callable[[str], str]) -> list[str]:
    """Names in the audit that are this person's.

    Raises:
        UsageError: The audit has none, and nobody is known by that name.
    """
    acted = {row["who"] for row in connection.execute("SELECT DISTINCT who FROM gearbox.audit")}
    known = acted | {row["name"] for row in connection.execute("SELECT name FROM gearbox.person")}
    found = sorted(name for name in known if folded(name) == folded(who))
    if not found:
        shown = sorted(known)[:PEOPLE_SHOWN]
        more = f" and {len(known) - len(shown)} more" if len(known) > len(shown) else ""
        told = f"who is known, or did something: {', '.join(shown)}{more}" if known else "nobody is known yet"
        raise UsageError(f"Nobody is known as {who!r}; {told}.")
    return found
