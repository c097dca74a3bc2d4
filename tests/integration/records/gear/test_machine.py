"""Whatever is done in whatever order, and wherever it breaks off: ERP holds what a few lines of Python say it must."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any, ClassVar

import psycopg
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    invariant,
    multiple,
    rule,
    run_state_machine_as_test,
)

from schemas.errors import DecisionError, UnreachableError, UsageError
from schemas.gearbox_ledger import TABLES
from sinks.records.gear import planning, restores
from sinks.records.gear.changes import Change
from tests.conftest import FreshDatabase
from tests.integration.records.gear.engine import (
    FIELDS,
    MATERIALS,
    Engine,
    Killed,
    add_people,
    failing,
    make_engine,
)

pytestmark = pytest.mark.postgres

Place = tuple[str, str]
VALUES = st.integers(min_value=0, max_value=3)  # few, so that values meet again
MOSTLY = st.sampled_from([True, True, True, False])


@dataclass
class Ours:
    """Our last write of a field."""

    change_set_id: int
    after: int | None


@dataclass
class Model:
    """What ERP must hold, and what the gearbox must know of it."""

    values: dict[Place, int | None]
    touched: dict[str, int]
    ours: dict[Place, Ours] = field(default_factory=dict)


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


class Gearbox(RuleBasedStateMachine):
    """The gearbox beside the model. All of a set goes in one chunk, which is written whole or not at all."""

    engine: ClassVar[Engine]
    sets = Bundle("sets")
    backups = Bundle("backups")

    def __init__(self) -> None:
        super().__init__()
        empty(self.engine)
        self.stack = ExitStack()
        self.stack.enter_context(failing(self.engine))
        self.model = Model(
            {(material, name): None for material in MATERIALS for name in FIELDS}, dict.fromkeys(MATERIALS, 0)
        )
        self.all: list[Planned] = []
        self.unsettled: Planned | None = None
        self.before_unsettled: Callable[[], None] = lambda: None

    def teardown(self) -> None:
        try:
            if self.unsettled is None:
                self.audit_says_what_we_wrote_last()
        finally:
            self.end()

    def end(self) -> None:
        self.engine.faults.__init__()  # type: ignore[misc]
        self.stack.close()

    @rule(
        target=sets,
        wanted=st.dictionaries(st.sampled_from(MATERIALS), st.tuples(VALUES, VALUES), min_size=1),
        is_approved=MOSTLY,
    )
    def plan(self, wanted: dict[str, tuple[int, int]], is_approved: bool) -> Any:
        if self.refused_since_put_back():
            with pytest.raises(DecisionError, match="put back"):
                self.engine.plan(wanted)
            self.settle()
            return multiple()
        self.settle()
        planned = self.engine.plan(wanted)
        expected = {
            (material, name): value
            for material, values in wanted.items()
            for name, value in zip(FIELDS, values, strict=True)
            if self.model.values[material, name] != value
        }
        assert {place_of(change): json.loads(change.after) for change in planned.change_set.changes} == expected
        if is_kept(planned):
            return multiple()
        for own in self.all:
            own.is_open = own.is_open and own.undoes is not None  # a newer plan supersedes older ones
        if planned.change_set_id is None or not planned.is_new:
            return multiple()
        return self.keep(planned.change_set_id, planned.change_set.changes, None, is_approved)

    @rule(own=sets)
    def approve(self, own: Planned) -> None:
        if not own.is_open:
            with pytest.raises(UsageError):
                self.engine.approve(own.number)
        elif not own.is_approved:
            self.engine.approve(own.number)
            own.is_approved = True

    @rule(material=st.sampled_from(MATERIALS), name=st.sampled_from(FIELDS), value=st.none() | VALUES)
    def a_person_edits(self, material: str, name: str, value: int | None) -> None:
        self.engine.edit(material, name, value)
        self.model.values[material, name] = value
        self.model.touched[material] += 1

    @rule(own=sets)
    def apply(self, own: Planned) -> None:
        self.applied(own)

    @rule(own=sets, fault=st.sampled_from(["unreachable", "lost_before", "lost_behind"]))
    def apply_while_erp_fails(self, own: Planned, fault: str) -> None:
        setattr(self.engine.faults, fault, True)
        self.applied(own, fault)
        setattr(self.engine.faults, fault, False)

    @rule(own=sets, point=st.sampled_from(["gear.sent", "gear.written", "gear.settled"]))
    def apply_and_die(self, own: Planned, point: str) -> None:
        self.engine.faults.kill_at = point
        self.applied(own, point)
        self.engine.faults.kill_at = None

    @rule(target=sets, own=sets, is_approved=MOSTLY)
    def undo(self, own: Planned, is_approved: bool) -> Any:
        if self.refused_since_put_back():
            with pytest.raises(DecisionError, match="put back"):
                self.engine.undo(own.number)
            self.settle()
            return multiple()
        self.settle()
        back = {place: own_before(own, place) for place in own.written}
        left = {place: before for place, before in back.items() if self.model.values[place] != before}
        if own.is_void or not left:
            told = "put back" if own.is_void and own.written else None
            with pytest.raises(UsageError, match=told):
                self.engine.undo(own.number)
            return multiple()
        planned = self.engine.undo(own.number)
        assert {place_of(change): json.loads(change.after) for change in planned.change_set.changes} == left
        assert planned.change_set_id is not None
        if is_kept(planned):
            return multiple()
        for other in self.all:  # one of the same content that met other versions is superseded
            if other.undoes == own.number and {place_of(change) for change in other.changes} == set(left):
                other.is_open = False
        if not planned.is_new:
            return multiple()
        return self.keep(planned.change_set_id, planned.change_set.changes, own.number, is_approved)

    @rule(target=backups)
    def back_up(self) -> Any:
        rows = self.engine.erp("SELECT * FROM erp.monthly_sales")
        receipts = self.engine.erp("SELECT token FROM erp.gearbox_receipt")
        return (
            rows,
            {str(row["token"]) for row in receipts},
            dict(self.model.values),
            dict(self.model.touched),
            set(self.model.ours),
        )

    @rule(backup=backups)
    def put_back(self, backup: Any) -> None:
        rows, receipts, values, touched, _ = backup
        erp = self.engine.erp
        erp("DELETE FROM erp.monthly_sales")
        for row in rows:
            erp(
                "INSERT INTO erp.monthly_sales (material, month, sold_qty, activated_qty, in_use_qty, row_version) "
                "VALUES (%s, %s, %s, %s, %s, %s)",
                *(
                    row[name]
                    for name in ("material", "month", "sold_qty", "activated_qty", "in_use_qty", "row_version")
                ),
            )
        erp("DELETE FROM erp.gearbox_receipt WHERE token <> ALL (%s)", [*receipts])
        self.model.values, self.model.touched = dict(values), dict(touched)
        if self.unsettled is not None and not self.is_received(self.unsettled):
            self.before_unsettled()  # what nobody knew of was forgotten
            self.settle()

    @rule(is_forced=MOSTLY.map(lambda mostly: not mostly))
    def say_that_erp_was_put_back(self, is_forced: bool) -> None:
        has_forgotten = self.refused_since_put_back()
        self.settle()
        if not has_forgotten and not is_forced:
            with pytest.raises(UsageError, match="--force"):
                self.declare(is_forced)
            return
        self.declare(is_forced)
        self.model.ours.clear()
        for own in self.all:
            own.is_open, own.is_void = False, True

    @invariant()
    def erp_holds_what_it_must(self) -> None:
        if hasattr(self, "model"):
            assert self.engine.held() == self.model.values

    def audit_says_what_we_wrote_last(self) -> None:
        rows = self.engine.erp(
            """SELECT DISTINCT ON (key, field) key, field, change_set_id, after FROM gearbox.audit
               WHERE event = 'written' AND at > coalesce((SELECT max(declared_at) FROM gearbox.restore), '-infinity')
               ORDER BY key, field, audit_no DESC"""
        )
        assert {
            (json.loads(row["key"])["material"], row["field"]): (row["change_set_id"], json.loads(row["after"]))
            for row in rows
        } == {place: (ours.change_set_id, ours.after) for place, ours in self.model.ours.items()}

    # what the rules share

    def declare(self, is_forced: bool) -> None:
        engine = self.engine
        restores.declare(engine.places, "erp", "from a backup", "Bea Berg", engine.clock, is_forced=is_forced)

    def keep(self, number: int, changes: tuple[Change, ...], undoes: int | None, is_approved: bool) -> Planned:
        own = Planned(number, changes, undoes, dict(self.model.touched), is_open=may_go(changes))
        if is_approved:
            self.approve(own)
        self.all.append(own)
        return own

    def applied(self, own: Planned, fault: str | None = None) -> None:
        """Applies a set, and says what the model makes of it."""
        self.settle()
        if own.is_open and self.refused_since_put_back():
            with pytest.raises(DecisionError, match="put back"):
                self.engine.apply(own.number)
            return
        able = self.going(own) if own.is_open else []
        going = able if own.is_approved else []
        holding = [change for change in going if self.holds(own, change)]
        try:
            self.engine.apply(own.number)
        except UsageError:
            assert not own.is_open
            return
        except DecisionError:
            assert self.refused_since_put_back()
            return
        except (Killed, UnreachableError):
            assert going
            assert fault is not None
            if fault in ("lost_behind", "gear.written", "gear.settled"):
                before = dict(self.model.ours), set(own.written), set(own.done)
                self.write(own, going, holding)
                if fault != "gear.settled":
                    self.unsettled, self.before_unsettled = own, lambda: self.forget(own, *before)
            return
        self.write(own, going, holding)
        if own.is_approved or not able:
            own.is_open = False  # nothing is left that could go

    def going(self, own: Planned) -> list[Change]:
        """What the judge must let go of an approved set."""
        found = []
        for change in own.changes:
            place = place_of(change)
            last = self.model.ours.get(place)
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
        is_untouched = own.undoes is None or self.model.touched[place[0]] == own.touched[place[0]]
        return self.model.values[place] == json.loads(change.before) and is_untouched

    def write(self, own: Planned, going: list[Change], holding: list[Change]) -> None:
        for change in holding:
            place = place_of(change)
            self.model.values[place] = json.loads(change.after)
            self.model.ours[place] = Ours(own.number, json.loads(change.after))
            own.written.add(place)
        for material in {place_of(change)[0] for change in holding}:
            self.model.touched[material] += 1
        own.done |= {place_of(change) for change in going}

    def forget(self, own: Planned, ours: dict[Place, Ours], written: set[Place], done: set[Place]) -> None:
        self.model.ours, own.written, own.done = ours, written, done

    def settle(self) -> None:
        self.unsettled = None

    def is_received(self, own: Planned) -> bool:
        rows = self.engine.erp("SELECT token FROM erp.gearbox_receipt WHERE change_set_id = %s", own.number)
        return bool(rows)

    def acknowledged(self) -> set[str]:
        rows = self.engine.erp(
            """SELECT chunk_id FROM gearbox.chunk
               WHERE state = 'applied' AND cardinality(left_out) < cardinality(change_nos)
                 AND sent_at > coalesce((SELECT max(declared_at) FROM gearbox.restore), '-infinity')"""
        )
        return {str(row["chunk_id"]) for row in rows}

    def refused_since_put_back(self) -> bool:
        known = {str(row["token"]) for row in self.engine.erp("SELECT token FROM erp.gearbox_receipt")}
        return bool(self.acknowledged() - known)


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


def empty(engine: Engine) -> None:
    """As on the first day, but for the people."""
    with psycopg.connect(engine.dsn, autocommit=True) as connection:
        connection.execute("SET session_replication_role = replica")
        names = ", ".join(f"gearbox.{name}" for name in TABLES)
        connection.execute(f"TRUNCATE {names}, erp.gearbox_receipt, erp.monthly_sales CASCADE".encode())
    engine.snapshot = 0
    engine.fill()
    add_people(engine)


@pytest.fixture
def engine(fresh_database: FreshDatabase) -> Engine:
    return make_engine(fresh_database())


def test_whatever_is_done_erp_holds_what_it_must(engine: Engine) -> None:
    Gearbox.engine = engine
    run_state_machine_as_test(
        Gearbox,
        settings=settings(
            max_examples=40,
            stateful_step_count=30,
            deadline=None,
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
        ),
    )
