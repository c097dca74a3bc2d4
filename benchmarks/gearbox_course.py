"""What the gearbox does in one run: plan, approve, apply, plan again, undo, three fields a row, people's edits."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TypeVar

import psycopg

from benchmarks.gearbox_load import FIELDS, NOTHING, Change, Sales, edit, edits_that_stand, written_rows
from schemas.errors import OutsideError
from sinks.records.gear import approvals, people, undo
from sinks.records.gear.applying import apply_set
from sinks.records.gear.audit_check import check_audit
from sinks.records.gear.flow import Approval, FedField, Flow, Limits, load
from sinks.records.gear.places import Clock, Places, places
from sinks.records.gear.planning import Planned, plan_produced

AUTHOR, APPROVER, KEEPER = "gearbox", "Bea Berg", "Karin Keeper"
FLOW = "erp.sales_usage"
STEPS = {
    "plan": "plan, 1 % of the rows differ",
    "plan one": "plan, one field a row",
    "apply one": "apply, one field a row",
    "no-op": "plan again: nothing differs",
    "plan undo": "plan the way back",
    "undo": "apply the way back",
    "plan three": "plan, three fields a row",
    "apply three": "apply, three fields a row",
    "check": "check the audit's chain",
}
"""What is measured, by name, in this order."""
Done = TypeVar("Done")
ROWS_PER_S = 1_000_000
CHUNK_ROWS = 5_000


@dataclass(frozen=True)
class Step:
    """What one step did.

    Attributes:
        changes: Fields that it found or wrote.
        written: Rows that ERP's own trigger counted meanwhile.
        audited: Rows of written fields in the audit since.
        wrong: What is wrong; empty: nothing.
    """

    name: str
    rows: int
    changes: int
    seconds: float
    written: int
    audited: int
    wrong: str


@dataclass(frozen=True)
class Edits:
    """Figures that people set between a plan and its writing, and how many of them stand."""

    made: int
    standing: int


def flow_of(sales: Sales) -> Flow:
    """The flow that feeds ERP's sales figures, with three fields, each change approved, and room for the benchmark."""
    return load(FLOW).model_copy(
        update={
            "fields": {name: FedField(gear="live") for name in FIELDS},
            "approval": Approval(role="erp_approver"),
            "completeness": None,
            "limits": Limits(max_rows=sales.rows, max_share_of_rows=1.0, max_rows_per_day=100 * sales.rows),
        }
    )


def places_of(dsn: str) -> Places:
    """The gearbox's places, with an ERP that bears any pace."""
    found = places({}, "", dsn)
    own = found.systems["erp"].model_copy(update={"rows_per_s": ROWS_PER_S, "chunk_rows": CHUNK_ROWS})
    return replace(found, systems={**found.systems, "erp": own})


class Course:
    """One run of the gearbox, in a database of its own."""

    def __init__(self, dsn: str, sales: Sales, say: Callable[[str], None]) -> None:
        """Makes the people known who approve."""
        self._dsn, self._sales, self._say = dsn, sales, say
        self._flow, self._places, self._clock = flow_of(sales), places_of(dsn), Clock()
        self._snapshot, self._steps = 0, list[Step]()
        began = datetime(2026, 5, 1, tzinfo=UTC)
        people.add(self._places.ledger, KEEPER, "owner", began)
        people.add(self._places.ledger, APPROVER, KEEPER, began)
        people.give(self._places.ledger, APPROVER, "erp_approver", KEEPER, began)

    def run(self, changes: int, edits: int) -> tuple[list[Step], Edits]:
        """All steps, in order.

        Args:
            changes: Fields that are written, once in as many rows, once in a third of them.
            edits: Figures that people set.
        Raises:
            OutsideError: a step did something else than it must.
        """
        share = Change(max(1, self._sales.rows // 100), 1, 1)
        single, triple = Change(changes, 1, 2), Change(-(-changes // 3), 3, 3)
        self._measured("plan", share, self._planner(share), NOTHING)
        first = self._approved(self._measured("plan one", single, self._planner(single), NOTHING))
        self._measured("apply one", single, lambda: self._apply(first, single), single, wrote=True)
        again = self._measured("no-op", NOTHING, self._planner(single), single)
        if again.change_set_id is not None:
            raise OutsideError(f"a plan of what is there already is change set {again.change_set_id}")
        back = self._approved(self._measured("plan undo", single, lambda: self._undo(first), single))
        self._measured("undo", single, lambda: self._apply(back, single), NOTHING, wrote=True)
        second = self._approved(self._measured("plan three", triple, self._planner(triple), NOTHING))
        self._measured("apply three", triple, lambda: self._apply(second, triple), triple, wrote=True)
        stood = self._edited(replace(triple, by=4), edits)
        self._check()
        return self._steps, Edits(edits, stood)

    def _measured(
        self, name: str, change: Change, action: Callable[[], Done], held: Change, *, wrote: bool = False
    ) -> Done:
        """What a step gives; how long it took, and whether ERP and audit hold then what they must, becomes a `Step`."""
        self._say(f"gearbox: {STEPS[name]}")
        written, audited = written_rows(self._dsn), self._audited()
        began_s = time.perf_counter()
        done = action()
        seconds = time.perf_counter() - began_s
        written, audited = written_rows(self._dsn) - written, self._audited() - audited
        wrong = [self._sales.wrong(self._dsn, held)]
        expected = (change.rows, change.changes) if wrote else (0, 0)
        if (written, audited) != expected:
            wrong.append(f"{written} rows written and {audited} fields audited, {expected} expected")
        told = "; ".join(filter(None, wrong))
        self._steps.append(Step(name, change.rows, change.changes, seconds, written, audited, told))
        return done

    def _planner(self, change: Change) -> Callable[[], Planned]:
        """Plans what a model would give at the next lake snapshot; the model's own time is not measured."""
        self._snapshot += 1
        produced = self._sales.wanted(change), self._snapshot
        return lambda: plan_produced(self._flow, self._places, AUTHOR, self._clock, lambda: produced)

    def _undo(self, number: int) -> Planned:
        (planned,) = undo.plan_undo(number, self._flow, self._places, KEEPER, self._clock, "measured")
        return planned

    def _approved(self, planned: Planned) -> int:
        """The number of the change set, after a person has approved it."""
        if planned.change_set_id is None or planned.refused_because is not None:
            raise OutsideError(f"a plan cannot be approved: {planned.refused_because or 'it is empty'}")
        approvals.approve(self._places.ledger, planned.change_set_id, APPROVER, self._clock.now())
        return planned.change_set_id

    def _apply(self, number: int, change: Change, left_out: int = 0) -> None:
        applied = apply_set(number, self._flow, self._places, AUTHOR, self._clock)
        expected = ("applied", change.changes - left_out, left_out)
        if (applied.status, applied.changes, applied.left_out) != expected:
            raise OutsideError(f"a change set ended as {applied}, {expected} expected")

    def _edited(self, change: Change, edits: int) -> int:
        """How many figures stand that people set after a change of the same fields was planned and approved."""
        self._say("gearbox: people edit what was planned upon")
        number = self._approved(self._planner(change)())
        edit(self._dsn, self._sales, change, edits)
        self._apply(number, change, left_out=edits)
        return edits_that_stand(self._dsn)

    def _check(self) -> None:
        self._say(f"gearbox: {STEPS['check']}")
        began_s = time.perf_counter()
        report = check_audit(self._places.ledger, {}, [])
        seconds = time.perf_counter() - began_s
        self._steps.append(Step("check", report.rows, report.rows, seconds, 0, 0, "; ".join(report.faults)))

    def _audited(self) -> int:
        with psycopg.connect(self._dsn) as connection:
            row = connection.execute("SELECT count(*) FROM gearbox.audit WHERE event = 'written'").fetchone()
        assert row is not None, "an aggregate has a row"
        return int(row[0])
