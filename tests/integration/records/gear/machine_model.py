"""What the state machine's model is: what ERP must hold, what the gearbox must know of it; and questions to ERP."""

from __future__ import annotations

import json
from dataclasses import dataclass, field

import psycopg

from schemas.gearbox_ledger import TABLES
from sinks.records.gear import planning
from sinks.records.gear.changes import Change
from tests.integration.records.gear.engine import Engine, add_people

Place = tuple[str, str]
"""Material and field."""

KNOWN_AND_WRITTEN = {
    "unreachable": (-1, -1),
    "lost_before": (-1, -1),
    "lost_behind": (-1, 0),
    "gear.sent": (-2, -1),
    "gear.written": (-1, 0),
    "gear.settled": (0, 1),
}
"""By what goes wrong in a chunk: up to which, counted from it, the ledger knows of them, and ERP has them."""


@dataclass
class Ours:
    """Our last write of a field."""

    change_set_id: int
    after: int | None


@dataclass
class Planned:
    """A change set that is open: what it was planned upon."""

    number: int
    changes: tuple[Change, ...]
    undoes: int | None
    touched: dict[str, int]
    is_approved: bool = False
    is_open: bool = True
    is_void: bool = False  # ERP was declared put back since
    written: set[Place] = field(default_factory=set)
    done: set[Place] = field(default_factory=set)


@dataclass
class Model:
    """What ERP must hold, and what the gearbox must know of it."""

    values: dict[Place, int | None]
    touched: dict[str, int]
    ours: dict[Place, Ours] = field(default_factory=dict)

    def going(self, own: Planned) -> list[Change]:
        """What the judge must let go of an approved set."""
        found = []
        for change in own.changes:
            place = place_of(change)
            last = self.ours.get(place)
            before = json.loads(change.before)
            if place in own.done:
                continue
            if own.undoes is not None and (last is None or last.change_set_id != own.undoes or last.after != before):
                continue
            if own.undoes is None and last is not None and last.after != before:
                continue
            found.append(change)
        return found

    def holds(self, own: Planned, change: Change) -> bool:
        """Whether ERP must let it be written: the field is as planned; of an undo, nobody touched the row."""
        place = place_of(change)
        is_untouched = own.undoes is None or self.touched[place[0]] == own.touched[place[0]]
        return self.values[place] == json.loads(change.before) and is_untouched

    def write(self, own: Planned, going: list[Change], holding: list[Change]) -> None:
        for change in holding:
            place = place_of(change)
            self.values[place] = json.loads(change.after)
            self.ours[place] = Ours(own.number, json.loads(change.after))
            own.written.add(place)
        for material in {place_of(change)[0] for change in holding}:
            self.touched[material] += 1
        own.done |= {place_of(change) for change in going}


def place_of(change: Change) -> Place:
    return json.loads(change.key)["material"], change.field


def may_go(changes: tuple[Change, ...]) -> bool:
    return any(change.verdict.decision != "refused" for change in changes)


def is_kept(planned: planning.Planned) -> bool:
    """The same is open already, and stays; a set of which nothing may go is none that could be."""
    return planned.change_set_id is not None and not planned.is_new and may_go(planned.change_set.changes)


def own_before(own: Planned, place: Place) -> int | None:
    found: int | None = next(json.loads(change.before) for change in own.changes if place_of(change) == place)
    return found


def of_rows(materials: list[str], *parts: list[Change]) -> list[list[Change]]:
    """Of each part, the changes of these rows."""
    return [[change for change in part if place_of(change)[0] in materials] for part in parts]


def is_received(engine: Engine) -> bool:
    """Whether ERP knows a chunk of which the ledger does not know what became of it."""
    return bool(
        engine.erp("SELECT token FROM erp.gearbox_receipt JOIN gearbox.chunk ON chunk_id = token AND state = 'sent'")
    )


def has_forgotten(engine: Engine) -> bool:
    """Whether ERP no longer knows what it had acknowledged since it was last declared put back."""
    acknowledged = engine.erp(
        """SELECT chunk_id FROM gearbox.chunk
           WHERE state = 'applied' AND cardinality(left_out) < cardinality(change_nos)
             AND sent_at > coalesce((SELECT max(declared_at) FROM gearbox.restore), '-infinity')"""
    )
    known = engine.erp("SELECT token FROM erp.gearbox_receipt")
    return bool({str(row["chunk_id"]) for row in acknowledged} - {str(row["token"]) for row in known})


def empty(engine: Engine) -> None:
    """As on the first day, but for the people."""
    with psycopg.connect(engine.dsn, autocommit=True) as connection:
        connection.execute("SET session_replication_role = replica")
        names = ", ".join(f"gearbox.{name}" for name in TABLES)
        connection.execute(f"TRUNCATE {names}, erp.gearbox_receipt, erp.monthly_sales CASCADE".encode())
    engine.snapshot = 0
    engine.fill()
    add_people(engine)
