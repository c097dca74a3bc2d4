"""What the gearbox does with a change set, at a real PostgreSQL."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import timedelta

import psycopg
import pytest

from schemas.errors import DecisionError, OutsideError, UsageError
from sinks.records.database import session
from sinks.records.gear import chunks, freezes
from tests.conftest import FreshDatabase
from tests.integration.records.gear.engine import (
    APPROVER,
    AUTHOR,
    Engine,
    failing,
    make_engine,
    small_flow,
)

pytestmark = pytest.mark.postgres


@pytest.fixture
def engine(fresh_database: FreshDatabase) -> Engine:
    return make_engine(fresh_database())


def test_what_is_approved_is_written_with_an_audit_row_each(engine: Engine) -> None:
    applied = engine.shift({"WM-1": (10, 5), "WM-2": (20, 8)})
    assert (applied.status, applied.rows, applied.changes, applied.left_out) == ("applied", 2, 4, 0)
    held = engine.held()
    assert (held["WM-1", "activated_qty"], held["WM-2", "in_use_qty"]) == (10, 8)
    assert [(row["field"], row["before"], row["after"], row["who"]) for row in engine.audit()] == [
        ("activated_qty", "null", "10", AUTHOR),
        ("in_use_qty", "null", "5", AUTHOR),
        ("activated_qty", "null", "20", AUTHOR),
        ("in_use_qty", "null", "8", AUTHOR),
    ]


def test_a_second_plan_of_the_same_facts_is_none_and_a_second_apply_writes_nothing(engine: Engine) -> None:
    applied = engine.shift({"WM-1": (10, 5)})
    assert engine.plan({"WM-1": (10, 5)}).change_set_id is None
    versions = engine.erp("SELECT row_version FROM erp.monthly_sales ORDER BY material")
    assert engine.apply(applied.change_set_id).rows == 0
    assert engine.erp("SELECT row_version FROM erp.monthly_sales ORDER BY material") == versions


def test_without_an_approval_nothing_is_written(engine: Engine) -> None:
    number = engine.plan({"WM-1": (10, 5)}).change_set_id
    assert number is not None
    applied = engine.apply(number)
    assert (applied.rows, applied.needing_approval, applied.status) == (0, 2, "open")
    assert engine.held()["WM-1", "activated_qty"] is None


def test_equal_content_planned_again_keeps_its_approval_and_other_content_needs_its_own(engine: Engine) -> None:
    first = engine.plan({"WM-1": (10, 5)})
    assert first.change_set_id is not None
    engine.approve(first.change_set_id)
    again = engine.plan({"WM-1": (10, 5)})
    assert (again.change_set_id, again.is_new) == (first.change_set_id, False)
    other = engine.plan({"WM-1": (11, 5)})
    assert other.change_set_id is not None
    with pytest.raises(UsageError, match="superseded"):
        engine.apply(first.change_set_id)
    assert engine.apply(other.change_set_id).rows == 0


def test_a_field_edited_since_the_plan_is_left_and_the_rest_of_its_row_is_written(engine: Engine) -> None:
    number = engine.plan({"WM-1": (10, 5)}).change_set_id
    assert number is not None
    engine.approve(number)
    engine.edit("WM-1", "activated_qty", 99)
    applied = engine.apply(number)
    assert (applied.changes, applied.left_out, applied.status) == (1, 1, "applied")
    assert (engine.held()["WM-1", "activated_qty"], engine.held()["WM-1", "in_use_qty"]) == (99, 5)
    (conflict,) = engine.audit("conflict")
    assert (conflict["field"], "99" in conflict["detail"]) == ("activated_qty", True)


def test_a_persons_value_is_kept_by_later_plans(engine: Engine) -> None:
    engine.shift({"WM-1": (10, 5)})
    engine.edit("WM-1", "activated_qty", 99)
    applied = engine.shift({"WM-1": (11, 6)})
    assert (applied.changes, applied.refused) == (1, 1)
    assert (engine.held()["WM-1", "activated_qty"], engine.held()["WM-1", "in_use_qty"]) == (99, 6)


def test_nothing_lands_inside_a_freeze_and_everything_after_it(engine: Engine) -> None:
    now = engine.clock.now()
    freeze = freezes.declare(
        engine.places.ledger, "erp", now, now + timedelta(hours=1), "closing of the month", APPROVER, now
    )
    number = engine.plan({"WM-1": (10, 5)}).change_set_id
    assert number is not None
    engine.approve(number, now=True)
    applied = engine.apply(number)
    assert (applied.rows, applied.waiting, applied.not_before) == (0, 2, now + timedelta(hours=1))
    freezes.lift(engine.places.ledger, freeze, APPROVER, engine.clock.now())
    assert engine.apply(number).changes == 2


def test_a_set_that_was_changed_in_the_ledger_is_not_applied(engine: Engine) -> None:
    number = engine.plan({"WM-1": (10, 5)}).change_set_id
    assert number is not None
    engine.approve(number)
    with psycopg.connect(engine.dsn, autocommit=True) as connection:
        connection.execute("SET session_replication_role = replica")
        connection.execute("UPDATE gearbox.change SET after = '11' WHERE field = 'activated_qty'")
    with pytest.raises(DecisionError, match="not what was planned"):
        engine.apply(number)
    assert engine.held()["WM-1", "activated_qty"] is None


def test_a_row_that_erp_refuses_is_told_and_the_others_are_written(engine: Engine) -> None:
    engine.erp("ALTER TABLE erp.monthly_sales ADD CONSTRAINT no_thirteen CHECK (activated_qty <> 13)")
    applied = engine.shift({"WM-1": (1, 1), "WM-2": (13, 1), "WM-3": (3, 1), "WM-4": (4, 1)})
    assert (applied.changes, applied.left_out, applied.status) == (6, 2, "applied")
    assert {row["key"] for row in engine.audit("turned_down")} == {'{"material":"WM-2","month":"2026-05-01"}'}
    assert "no_thirteen" in engine.audit("turned_down")[0]["detail"]


def test_erp_put_back_to_an_older_state_stops_the_gearbox_until_somebody_says_so(engine: Engine) -> None:
    engine.shift({"WM-1": (10, 5)})
    engine.erp("UPDATE erp.monthly_sales SET activated_qty = NULL, in_use_qty = NULL")
    engine.erp("DELETE FROM erp.gearbox_receipt")
    with pytest.raises(DecisionError, match="vaxel gearbox restored erp"):
        engine.plan({"WM-1": (10, 5)})


def test_one_gearbox_at_a_time_writes_into_a_system(engine: Engine) -> None:
    number = engine.plan({"WM-1": (10, 5)}).change_set_id
    assert number is not None
    with session(engine.dsn) as connection:
        chunks.hold_system(connection, "erp")
        with pytest.raises(OutsideError, match="Another gearbox"):
            engine.apply(number)


@pytest.mark.parametrize("point", ["gear.sent", "gear.written", "gear.settled"])
def test_killed_between_any_two_steps_and_applied_again_each_change_is_written_once(engine: Engine, point: str) -> None:
    number = engine.plan({"WM-1": (10, 5), "WM-2": (20, 8)}).change_set_id
    assert number is not None
    engine.approve(number)
    program = (
        "import sys; from tests.integration.records.gear.engine import Engine; "
        "Engine(sys.argv[1]).apply(int(sys.argv[2]))"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program, engine.dsn, str(number)],
        env={**os.environ, "VAXEL_CRASH_AT": point},
        check=False,
        capture_output=True,
    )
    assert ended.returncode == -9, ended.stderr.decode()
    engine.apply(number)
    assert len(engine.audit()) == 4
    assert (engine.held()["WM-1", "activated_qty"], engine.held()["WM-2", "in_use_qty"]) == (10, 8)
    assert {row["row_version"] for row in engine.erp("SELECT row_version FROM erp.monthly_sales")} == {1, 2}


@pytest.mark.parametrize("fault", ["lost_before", "lost_behind"])
def test_an_outcome_that_is_unknown_is_found_out_before_anything_else(engine: Engine, fault: str) -> None:
    number = engine.plan({"WM-1": (10, 5)}).change_set_id
    assert number is not None
    engine.approve(number)
    setattr(engine.faults, fault, True)
    with failing(engine):
        with pytest.raises(OutsideError):
            engine.apply(number)
        assert engine.plan({"WM-1": (11, 5)}).change_set.changes[0].before == (
            "10" if fault == "lost_behind" else "null"
        )
    assert len(engine.audit()) == (2 if fault == "lost_behind" else 0)


def test_a_set_past_its_time_is_void(engine: Engine) -> None:
    engine.flow = small_flow(expires_after_h=1)
    number = engine.plan({"WM-1": (10, 5)}).change_set_id
    assert number is not None
    engine.approve(number)
    engine.erp("UPDATE gearbox.change_set SET expires_at = now() - interval '1 minute'")
    assert engine.apply(number).status == "expired"
    assert engine.held()["WM-1", "activated_qty"] is None
