"""People at work in the record systems: edits at random rows, as their own staff makes them.

In:            record systems that are set up, the fields that flows feed and those that are people's.
Out:           rows changed one by one, each in a transaction of its own, and what was changed.
Guarantee:     the same seed makes the same edits in the same rows and values; each edit really changes what is stored.
On failure:    edits made so far stay; what a system's own rule refuses is told as refused and changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from random import Random

from psycopg import errors, sql

from schemas.errors import UsageError
from schemas.records import BY_NAME
from sinks.records.database import Connection, session
from sinks.records.gear import flow
from sinks.records.human_hands import OWN_FIELDS, Editable, edited, is_edited
from sinks.records.values import Key, Value, json_text, key_text

_TRIES = 20
"""Picks for one edit: a table may be empty, and a system's own rule may make of a value what was there before."""

_NOTHING = "The record systems hold no rows to edit; fill them with `vaxel seed` first."


@dataclass(frozen=True, slots=True)
class Edit:
    """One field of one row that somebody changed. Key and values are canonical JSON texts.

    Attributes:
        after: What is stored, whatever the system made of the value set.
        is_refused: A rule of the system's own refused it; `after` is what was not stored.
    """

    table: str
    key: str
    field: str
    before: str
    after: str
    is_refused: bool = False

    def to_json(self) -> Mapping[str, str | bool]:
        return asdict(self)

    def text(self) -> str:
        """A line for people."""
        refused = " (refused)" if self.is_refused else ""
        return f"{self.table} {self.key} {self.field}: {self.before} -> {self.after}{refused}"


def fed_fields() -> dict[str, tuple[str, ...]]:
    """Fields that flows feed, by table."""
    fed: dict[str, tuple[str, ...]] = {}
    for name in flow.names():
        own = flow.load(name)
        fed[own.target] = tuple(dict.fromkeys((*fed.get(own.target, ()), *own.fields)))
    return fed


def editable(systems: Sequence[str], fed: Mapping[str, Sequence[str]]) -> list[Editable]:
    """All fields that people edit in these systems, fed or their own, in the order of table and field."""
    names = {
        (table, name)
        for fields in (fed, OWN_FIELDS)
        for table, own in fields.items()
        for name in own
        if table.partition(".")[0] in systems
    }
    found = [Editable(BY_NAME[table], BY_NAME[table].column(name)) for table, name in sorted(names)]
    return [field for field in found if is_edited(field.table, field.column)]


def edits(dsn: str, fields: Sequence[Editable], count: int, seed: int) -> Iterator[Edit]:
    """Makes so many edits, one after another, and gives each once it is made.

    Raises:
        UsageError: There is nothing to edit.
    """
    rng = Random(seed)
    with session(dsn) as connection:
        today = _today(connection)
        for _ in range(count):
            yield _edit(connection, fields, today, rng)


def _today(connection: Connection) -> date:
    """The day of the newest sale: record systems of a made-up fleet live in its time, not in ours."""
    found = connection.execute("SELECT max(sold_on) AS day FROM erp.serial_number").fetchone()
    if found is None or found["day"] is None:
        raise UsageError(_NOTHING)
    day: date = found["day"]
    return day


def _edit(connection: Connection, fields: Sequence[Editable], today: date, rng: Random) -> Edit:
    refused: Edit | None = None
    for _ in range(_TRIES):
        field = rng.choice(fields)
        key = _some_key(connection, field, rng)
        made = (
            None if key is None else _changed(connection, field, key, lambda own, held: edited(own, held, today, rng))
        )
        if made is not None and not made.is_refused:
            return made
        refused = made or refused
    if refused is None:
        raise UsageError(_NOTHING)
    return refused


def _some_key(connection: Connection, field: Editable, rng: Random) -> Key | None:
    table = field.table
    target = sql.Identifier(table.system, table.name)
    counted = connection.execute(sql.SQL("SELECT count(*) AS rows FROM {}").format(target)).fetchone()
    if counted is None or counted["rows"] == 0:
        return None
    key = sql.SQL(", ").join(map(sql.Identifier, table.key))
    statement = sql.SQL("SELECT {key} FROM {target} ORDER BY {key} LIMIT 1 OFFSET %s").format(key=key, target=target)
    found = connection.execute(statement, [rng.randrange(counted["rows"])]).fetchone()
    return None if found is None else tuple(found[name] for name in table.key)


def _changed(
    connection: Connection, field: Editable, key: Key, value_for: Callable[[Editable, Value], Value]
) -> Edit | None:
    """The edit of that row; None: the row is gone, or what is stored is as before."""
    table, name = field.table, field.column.name
    parts = {
        "target": sql.Identifier(table.system, table.name),
        "field": sql.Identifier(name),
        "is_row": sql.SQL(" AND ").join(sql.SQL("{} = %s").format(sql.Identifier(part)) for part in table.key),
    }
    read = sql.SQL("SELECT {field} AS held FROM {target} WHERE {is_row} FOR UPDATE").format(**parts)
    write = sql.SQL("UPDATE {target} SET {field} = %s WHERE {is_row} RETURNING {field} AS stored").format(**parts)
    wanted: Value = None
    before = "null"

    def told(after: Value, *, is_refused: bool = False) -> Edit:
        return Edit(table.full_name, key_text(table.key, key), name, before, json_text(after), is_refused)

    try:
        with connection.transaction():
            row = connection.execute(read, key).fetchone()
            if row is None:
                return None
            before = json_text(row["held"])
            wanted = value_for(field, row["held"])
            written = connection.execute(write, [wanted, *key]).fetchone()
    except (errors.RaiseException, errors.IntegrityError):
        return told(wanted, is_refused=True)
    if written is None or json_text(written["stored"]) == before:
        return None
    return told(written["stored"])
