"""Whatever is done in whatever order, and wherever it breaks off: ERP holds what a few lines of Python say it must."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any, ClassVar

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
from sinks.records.gear import restores
from sinks.records.gear.changes import Change
from tests.conftest import FreshDatabase
from tests.integration.records.gear.engine import FIELDS, MATERIALS, Engine, Killed, failing, make_engine
from tests.integration.records.gear.machine_model import (
    KNOWN_AND_WRITTEN,
    Model,
    Ours,
    Place,
    Planned,
    empty,
    has_forgotten,
    is_kept,
    is_received,
    may_go,
    of_rows,
    own_before,
    place_of,
)

pytestmark = pytest.mark.postgres

VALUES = st.integers(min_value=0, max_value=3)  # few, so that values meet again
CHUNKS = st.sampled_from([1, 1, 2, 3])
MOSTLY = st.sampled_from([True, True, True, False])


class Gearbox(RuleBasedStateMachine):
    """The gearbox beside the model. Each row goes in a chunk of its own, in the order of their keys."""

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
        if has_forgotten(self.engine):
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

    @rule(own=sets, fault=st.sampled_from(["unreachable", "lost_before", "lost_behind"]), nth=CHUNKS)
    def apply_while_erp_fails(self, own: Planned, fault: str, nth: int) -> None:
        setattr(self.engine.faults, fault, True)
        self.engine.faults.nth = nth
        self.applied(own, fault, nth)
        setattr(self.engine.faults, fault, False)

    @rule(own=sets, point=st.sampled_from(["gear.sent", "gear.written", "gear.settled"]), nth=CHUNKS)
    def apply_and_die(self, own: Planned, point: str, nth: int) -> None:
        self.engine.faults.kill_at, self.engine.faults.nth = point, nth
        self.applied(own, point, nth)
        self.engine.faults.kill_at = None

    @rule(target=sets, own=sets, is_approved=MOSTLY)
    def undo(self, own: Planned, is_approved: bool) -> Any:
        if has_forgotten(self.engine):
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
        if self.unsettled is not None and not is_received(self.engine):
            self.before_unsettled()  # what nobody knew of was forgotten
            self.settle()

    @rule(is_forced=MOSTLY.map(lambda mostly: not mostly))
    def say_that_erp_was_put_back(self, is_forced: bool) -> None:
        is_put_back = has_forgotten(self.engine)
        self.settle()
        if not is_put_back and not is_forced:
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

    def applied(self, own: Planned, fault: str | None = None, nth: int = 1) -> None:
        """Applies a set, and says what the model makes of it."""
        self.settle()
        if own.is_open and has_forgotten(self.engine):
            with pytest.raises(DecisionError, match="put back"):
                self.engine.apply(own.number)
            return
        able = self.model.going(own) if own.is_open else []
        going = able if own.is_approved else []
        holding = [change for change in going if self.model.holds(own, change)]
        try:
            self.engine.apply(own.number)
        except UsageError:
            assert not own.is_open
            return
        except DecisionError:
            assert has_forgotten(self.engine)
            return
        except (Killed, UnreachableError):
            assert fault is not None
            rows = list(dict.fromkeys(place_of(change)[0] for change in going))
            assert nth <= len(rows)
            known, sent = KNOWN_AND_WRITTEN[fault]
            self.model.write(own, *of_rows(rows[: max(0, nth + known)], going, holding))
            if known != sent:
                before = dict(self.model.ours), set(own.written), set(own.done)
                self.model.write(own, *of_rows(rows[max(0, nth + known) : nth + sent], going, holding))
                self.unsettled, self.before_unsettled = own, lambda: self.forget(own, *before)
            return
        self.model.write(own, going, holding)
        if own.is_approved or not able:
            own.is_open = False  # nothing is left that could go

    def forget(self, own: Planned, ours: dict[Place, Ours], written: set[Place], done: set[Place]) -> None:
        self.model.ours, own.written, own.done = ours, written, done

    def settle(self) -> None:
        self.unsettled = None


@pytest.fixture
def engine(fresh_database: FreshDatabase) -> Engine:
    return make_engine(fresh_database())


def test_whatever_is_done_erp_holds_what_it_must(engine: Engine) -> None:
    engine.chunk_rows = 1
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
