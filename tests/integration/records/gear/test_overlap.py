"""A plan made while another gearbox writes the same fields: our own write is never taken for a person's edit."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
import pytest

from schemas.errors import OutsideError
from schemas.records import RecordTable
from sinks.records.gear import applying, planning, sets
from sinks.records.gear.flow import FedField
from sinks.records.gear.places import Clock
from sinks.records.gear.systems import System
from sinks.records.targets.opening import open_target
from sinks.records.targets.target import Batch, Target, Written
from tests.conftest import FreshDatabase
from tests.integration.records.gear.engine import (
    AUTHOR,
    MATERIALS,
    Engine,
    Failing,
    Faults,
    Wanted,
    make_engine,
    produced,
    small_flow,
)  # fmt: skip

pytestmark = pytest.mark.postgres


@dataclass
class Meanwhile:
    """What others do at certain instants; each is done once."""

    behind_read: list[Callable[[], object]] = field(default_factory=list)
    behind_write: list[Callable[[], object]] = field(default_factory=list)
    before_keep: list[Callable[[], object]] = field(default_factory=list)

    def now(self, instant: str) -> None:
        due: list[Callable[[], object]] = getattr(self, instant)
        if due:
            due.pop(0)()


class Watched(Failing):
    """A record system at which others do something between two calls of ours."""

    def __init__(self, target: Target, meanwhile: Meanwhile) -> None:
        super().__init__(target, Faults())
        self._meanwhile = meanwhile

    def read(self, table: RecordTable, fields: Sequence[str]) -> pa.Table:
        held = super().read(table, fields)
        self._meanwhile.now("behind_read")
        return held

    def write(self, batch: Batch) -> Written:
        written = super().write(batch)
        self._meanwhile.now("behind_write")
        return written


@pytest.fixture
def engine(fresh_database: FreshDatabase) -> Engine:
    engine = make_engine(fresh_database())
    engine.clock = Clock(sleep=lambda _: None)
    return engine


@pytest.fixture
def meanwhile(monkeypatch: pytest.MonkeyPatch) -> Iterator[Meanwhile]:
    meanwhile = Meanwhile()

    def opened(system: System, address: str) -> Target:
        return Watched(open_target(system, address), meanwhile)

    for module in (applying, planning):
        monkeypatch.setattr(module, "open_target", opened)
    keep = sets.keep

    def kept(*arguments: Any, **more: Any) -> Any:
        meanwhile.now("before_keep")
        return keep(*arguments, **more)

    monkeypatch.setattr(sets, "keep", kept)
    yield meanwhile
    assert meanwhile == Meanwhile(), "all of it has happened"


def wanted(number: int) -> Wanted:
    return dict.fromkeys(MATERIALS, (number, number))


def approved(engine: Engine, number: int) -> int:
    """A set that may go."""
    planned = engine.plan(wanted(number))
    assert planned.change_set_id is not None
    engine.approve(planned.change_set_id)
    return planned.change_set_id


def befores(planned: planning.Planned) -> set[str]:
    return {change.before for change in planned.change_set.changes}


def decisions(planned: planning.Planned) -> set[str]:
    return {change.verdict.decision for change in planned.change_set.changes}


@pytest.mark.parametrize("instant", ["behind_read", "before_keep"])
def test_a_set_applied_while_a_plan_is_made_is_no_persons_edit(
    engine: Engine, meanwhile: Meanwhile, instant: str
) -> None:
    engine.shift(wanted(1))
    other = approved(engine, 2)
    getattr(meanwhile, instant).append(lambda: engine.apply(other))
    planned = engine.plan(wanted(3))
    assert (befores(planned), decisions(planned)) == ({"2"}, {"needs_approval"})
    assert planned.change_set_id is not None
    engine.approve(planned.change_set_id)
    assert engine.apply(planned.change_set_id).status == "applied"
    assert set(engine.held().values()) == {3}


def test_rows_that_were_written_and_are_not_yet_audited_are_no_persons_edit(
    engine: Engine, meanwhile: Meanwhile
) -> None:
    """The plan reads between the write of the chunk and its audit rows; the chunk is settled while the plan waits."""
    engine.shift(wanted(1))
    other = approved(engine, 2)
    told: list[planning.Planned] = []
    waited: list[float] = []
    engine.clock = Clock(sleep=waited.append)

    def plan() -> None:
        with pytest.raises(OutsideError, match=r"Another gearbox writes into erp.monthly_sales just now") as error:
            told.append(engine.plan(wanted(3)))
        assert "\n" not in str(error.value)

    meanwhile.behind_write.append(plan)
    engine.apply(other)
    assert (told, len(waited)) == ([], planning.ROUNDS - 1)
    assert [row["kind"] for row in engine.erp("SELECT kind FROM gearbox.change_set")] == ["plan", "plan"]
    planned = engine.plan(wanted(3))
    assert (befores(planned), decisions(planned)) == ({"2"}, {"needs_approval"})


def test_a_plan_overlapped_each_time_keeps_nothing_and_ends_no_set(engine: Engine, meanwhile: Meanwhile) -> None:
    engine.shift(wanted(0))
    first = approved(engine, 1)

    def other(number: int) -> None:
        engine.shift(wanted(number))

    meanwhile.behind_read += [lambda: engine.apply(first)]
    # What the other one plans is read as well, so that each second read is its own.
    for number in range(2, planning.ROUNDS + 1):
        meanwhile.behind_read += [lambda number=number: other(number), lambda: None]  # type: ignore[misc]
    with pytest.raises(OutsideError, match="Another gearbox writes"):
        engine.plan(wanted(9))
    assert engine.erp("SELECT count(*) AS open FROM gearbox.change_set WHERE status = 'open'") == [{"open": 0}]
    assert set(engine.held().values()) == {planning.ROUNDS}


def meanwhile_set(engine: Engine, meanwhile: Meanwhile) -> None:
    """A set of one field of one row, applied when the next plan has read the target."""
    engine.shift(wanted(1))
    planned = engine.plan({"WM-1": (2, 1)})
    assert planned.change_set_id is not None
    engine.approve(planned.change_set_id)
    flow = engine.flow
    meanwhile.behind_read.append(
        lambda: applying.apply_set(planned.change_set_id or 0, flow, engine.places, AUTHOR, engine.clock)
    )


def test_what_was_read_as_wanted_and_is_written_meanwhile_is_read_again(engine: Engine, meanwhile: Meanwhile) -> None:
    meanwhile_set(engine, meanwhile)
    again = engine.plan({"WM-1": (1, 5), "WM-2": (5, 5)})
    assert [(change.field, change.before) for change in again.change_set.changes] == [
        ("activated_qty", "2"), ("in_use_qty", "1"), ("activated_qty", "1"), ("in_use_qty", "1"),
    ]  # fmt: skip


def test_a_plan_that_would_find_nothing_is_made_anew_too(engine: Engine, meanwhile: Meanwhile) -> None:
    meanwhile_set(engine, meanwhile)
    again = engine.plan({"WM-1": (1, 1)})
    assert [(change.field, change.before, change.after) for change in again.change_set.changes] == [
        ("activated_qty", "2", "1")
    ]


def test_writes_of_other_fields_overlap_nothing(engine: Engine, meanwhile: Meanwhile) -> None:
    meanwhile_set(engine, meanwhile)
    engine.flow = small_flow(fields={"in_use_qty": FedField(gear="live")})
    slept: list[float] = []
    engine.clock = Clock(sleep=slept.append)
    given = produced({"WM-1": (1, 5)}).drop_columns(["activated_qty"]), 99
    again = planning.plan_produced(engine.flow, engine.places, AUTHOR, engine.clock, lambda: given)
    assert [(change.field, change.before) for change in again.change_set.changes] == [("in_use_qty", "1")]
    assert slept == []
