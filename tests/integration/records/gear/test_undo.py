"""The way back of what was written, at a real PostgreSQL."""

from __future__ import annotations

import pytest

from sinks.records.gear.flow import Approval
from tests.conftest import FreshDatabase
from tests.integration.records.gear.engine import Engine, make_engine, small_flow

pytestmark = pytest.mark.postgres


@pytest.fixture
def engine(fresh_database: FreshDatabase) -> Engine:
    return make_engine(fresh_database())


def test_undo_takes_back_what_nobody_touched_and_keeps_what_a_person_set(engine: Engine) -> None:
    before = engine.held()
    first = engine.shift({"WM-1": (10, 5), "WM-2": (20, 8)})
    engine.edit("WM-2", "in_use_qty", 77)
    back = engine.undo(first.change_set_id)
    assert back.change_set_id is not None
    assert engine.apply(back.change_set_id).rows == 0, "an undo needs an approval"
    engine.approve(back.change_set_id)
    engine.apply(back.change_set_id)
    assert engine.held() == before | {("WM-2", "in_use_qty"): 77}


def test_an_undo_can_be_undone(engine: Engine) -> None:
    first = engine.shift({"WM-1": (10, 5)})
    written = engine.held()
    number = first.change_set_id
    for _ in range(2):
        back = engine.undo(number)
        assert back.change_set_id is not None
        number = back.change_set_id
        engine.approve(number)
        engine.apply(number)
    assert engine.held() == written


def test_a_part_can_be_undone(engine: Engine) -> None:
    first = engine.shift({"WM-1": (10, 5), "WM-2": (20, 8)})
    back = engine.undo(first.change_set_id, key={"material": "WM-2"}, fields=["in_use_qty"])
    assert [(change.field, change.after) for change in back.change_set.changes] == [("in_use_qty", "null")]


def test_an_undo_that_another_set_overtook_takes_nothing(engine: Engine) -> None:
    first = engine.shift({"WM-1": (1, 1)})
    second = engine.shift({"WM-1": (2, 1)})
    back = engine.undo(second.change_set_id)
    assert back.change_set_id is not None
    engine.approve(back.change_set_id)
    engine.shift({"WM-1": (5, 1)})
    engine.edit("WM-1", "activated_qty", 2)
    applied = engine.apply(back.change_set_id)
    assert (applied.changes, applied.refused) == (0, 1)
    assert engine.held()["WM-1", "activated_qty"] == 2
    assert first.change_set_id != second.change_set_id


def test_an_undo_does_not_take_a_value_that_a_person_set_to_the_same_since(engine: Engine) -> None:
    first = engine.shift({"WM-1": (1, 1)})
    back = engine.undo(first.change_set_id)
    assert back.change_set_id is not None
    engine.approve(back.change_set_id)
    engine.edit("WM-1", "activated_qty", 9)
    engine.edit("WM-1", "activated_qty", 1)
    assert engine.apply(back.change_set_id).changes == 0
    assert engine.held()["WM-1", "activated_qty"] == 1


def test_what_was_undone_needs_an_approval_to_come_back_though_the_set_is_small(engine: Engine) -> None:
    first = engine.shift({"WM-1": (1, 1)})
    back = engine.undo(first.change_set_id)
    assert back.change_set_id is not None
    engine.approve(back.change_set_id)
    engine.apply(back.change_set_id)
    engine.flow = small_flow(approval=Approval(role="erp_approver", free_rows=100))
    again = engine.plan({"WM-1": (1, 1)})
    assert {change.verdict.decision for change in again.change_set.changes} == {"needs_approval"}
