"""Who may approve, who keeps the freeze calendar, and who keeps the people."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from shlex import quote
from typing import Final

from schemas.errors import UsageError
from sinks.records.database import Connection, session
from sinks.records.gear import flow as flows
from sinks.records.gear.audit import append, lock
from sinks.records.gear.chain import AuditRow
from sinks.records.gear.names import folded, is_same, person_name

CALENDAR_KEEPER: Final = "calendar_keeper"
"""Declares and lifts freezes."""
PEOPLE_KEEPER: Final = "people_keeper"
"""Adds people and gives roles; the first person ever added is one."""

_HELD = """SELECT role FROM (
  SELECT DISTINCT ON (role) role, is_held FROM gearbox.person_role WHERE person = %s ORDER BY role, role_no DESC
) AS newest WHERE is_held ORDER BY role"""
_HOLDERS = """SELECT person FROM (
  SELECT DISTINCT ON (person) person, is_held FROM gearbox.person_role WHERE role = %s ORDER BY person, role_no DESC
) AS newest WHERE is_held ORDER BY person"""


@dataclass(frozen=True)
class Person:
    """Somebody who is known, and the roles they hold now."""

    name: str
    roles: tuple[str, ...]
    added_by: str
    added_at: datetime


@dataclass(frozen=True)
class Added:
    """The name under which somebody is known, and whether that is new."""

    name: str
    is_new: bool
    is_first: bool = False


def roles() -> tuple[str, ...]:
    """All roles there are: those that flows name for their approval, and the two keepers'."""
    declared = (flows.load(name).approval for name in flows.names())
    return tuple(sorted({PEOPLE_KEEPER, CALENDAR_KEEPER, *(entry.role for entry in declared if entry is not None)}))


def add(dsn: str, name: str, by: str, now: datetime) -> Added:
    """Makes somebody known; the first of all may add others.

    Raises:
        UsageError: It is no name, or `by` may not add people.
    """
    shown = person_name(name)
    with session(dsn) as connection, connection.transaction():
        lock(connection)  # two first people: only one of them is the first
        known = connection.execute("SELECT name FROM gearbox.person WHERE folded = %s", [folded(shown)]).fetchone()
        if known is not None:
            return Added(known["name"], is_new=False)
        is_first = connection.execute("SELECT FROM gearbox.person LIMIT 1").fetchone() is None
        giver = person_name(by) if is_first else holder(connection, by, PEOPLE_KEEPER, "add people")
        connection.execute(
            "INSERT INTO gearbox.person (name, folded, added_by, added_at) VALUES (%s, %s, %s, %s)",
            [shown, folded(shown), giver, now],
        )
        append(connection, [added_row(shown, giver)], now)
        if is_first:
            _write_role(connection, shown, PEOPLE_KEEPER, giver, now, is_held=True)
    return Added(shown, is_new=True, is_first=is_first)


def give(dsn: str, name: str, role: str, by: str, now: datetime) -> bool:
    """Gives somebody a role; False: they held it already.

    Raises:
        UsageError: Nobody is known by that name, there is no such role, or `by` may not give it.
    """
    if role not in roles():
        raise UsageError(f"There is no role {role!r}; roles are {', '.join(roles())}.")
    with session(dsn) as connection, connection.transaction():
        lock(connection)
        giver = holder(connection, by, PEOPLE_KEEPER, "give roles")
        person = somebody(connection, name)
        if is_same(person, giver):
            raise UsageError(f"{person} cannot give a role to themselves; another {PEOPLE_KEEPER} has to.")
        if role in roles_of(connection, person):
            return False
        _write_role(connection, person, role, giver, now, is_held=True)
    return True


def take_away(dsn: str, name: str, role: str, by: str, now: datetime) -> None:
    """Takes a role away; what was approved with it stays approved.

    Raises:
        UsageError: They do not hold it, `by` may not take it, or nobody would be left to keep the people.
    """
    with session(dsn) as connection, connection.transaction():
        lock(connection)
        giver = holder(connection, by, PEOPLE_KEEPER, "take roles away")
        person = somebody(connection, name)
        held = roles_of(connection, person)
        if role not in held:
            raise UsageError(f"{person} does not hold {role!r}; they hold {', '.join(held) or 'no role'}.")
        if role == PEOPLE_KEEPER and holders(connection, role) == (person,):
            raise UsageError(
                f"{person} is the last {PEOPLE_KEEPER}: nobody could give roles. Give it to another first."
            )
        _write_role(connection, person, role, giver, now, is_held=False)


def caller(connection: Connection, who: str) -> str:
    """The name under which somebody is known who asks for something.

    Raises:
        UsageError: Nobody is: mostly since they did not say who they are, and the system's user name was taken.
    """
    name = _known(connection, who)
    if name is None:
        shown = person_name(who)
        raise UsageError(
            f"Nobody is known as {shown!r}: say who you are, --by NAME; or be added: "
            f"vaxel gearbox people add {quote(shown)} --by WHO."
        )
    return name


def somebody(connection: Connection, who: str) -> str:
    """The name under which somebody is known of whom something is asked.

    Raises:
        UsageError: Nobody is.
    """
    name = _known(connection, who)
    if name is None:
        shown = person_name(who)
        raise UsageError(
            f"Nobody is known as {shown!r}. Make them known: vaxel gearbox people add {quote(shown)} --by WHO."
        )
    return name


def author(connection: Connection, who: str) -> str:
    """The name under which somebody is known who asks for something that needs no role; else the name as given."""
    return _known(connection, who) or person_name(who)


def holder(connection: Connection, who: str, role: str, what: str) -> str:
    """The name under which somebody is known who holds a role; `what` they want to do, for the message.

    Raises:
        UsageError: Nobody is known by that name, or they do not hold it; the message says who does.
    """
    name = caller(connection, who)
    if role not in roles_of(connection, name):
        able = holders(connection, role)
        then = (
            f"{' and '.join(able)} can"
            if able
            else f"Nobody holds it yet: vaxel gearbox people give NAME {role} --by WHO"
        )
        raise UsageError(f"{name} cannot {what}: that needs the role {role}. {then}.")
    return name


def holders(connection: Connection, role: str) -> tuple[str, ...]:
    """Names of who holds a role now, sorted."""
    return tuple(row["person"] for row in connection.execute(_HOLDERS, [role]))


def roles_of(connection: Connection, name: str) -> tuple[str, ...]:
    """Roles that a person, told by their known name, holds now, sorted."""
    return tuple(row["role"] for row in connection.execute(_HELD, [name]))


def everybody(connection: Connection) -> list[Person]:
    """All who are known, by name."""
    rows = connection.execute("SELECT name, added_by, added_at FROM gearbox.person ORDER BY name").fetchall()
    return [Person(row["name"], roles_of(connection, row["name"]), row["added_by"], row["added_at"]) for row in rows]


def added_row(person: str, by: str) -> AuditRow:
    """The audit row of somebody who was made known."""
    return AuditRow("person", by, detail=_json(person=person, is_added=True))


def role_row(person: str, role: str, by: str, *, is_held: bool) -> AuditRow:
    """The audit row of a role that was given or taken away."""
    return AuditRow("person", by, detail=_json(person=person, role=role, is_held=is_held))


def _known(connection: Connection, who: str) -> str | None:
    row = connection.execute("SELECT name FROM gearbox.person WHERE folded = %s", [folded(person_name(who))]).fetchone()
    return None if row is None else str(row["name"])


def _write_role(connection: Connection, person: str, role: str, giver: str, now: datetime, *, is_held: bool) -> None:
    connection.execute(
        "INSERT INTO gearbox.person_role (person, role, is_held, given_by, given_at) VALUES (%s, %s, %s, %s, %s)",
        [person, role, is_held, giver, now],
    )
    append(connection, [role_row(person, role, giver, is_held=is_held)], now)


def _json(**detail: str | bool) -> str:
    return json.dumps(detail, ensure_ascii=False)
