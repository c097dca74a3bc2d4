"""Ways in which the gearbox would lose, double or overwrite data, tried at a real PostgreSQL."""

from __future__ import annotations

from datetime import datetime, timedelta

import pyarrow as pa
import pytest

from schemas.errors import UsageError
from schemas.gearbox_ledger import ChangeSetStatus
from sinks.records.database import Connection
from sinks.records.gear import approvals, chunks, freezes, restores, sets, undo
from sinks.records.gear.applying import apply_set
from sinks.records.gear.changes import Verdict
from sinks.records.gear.flow import Approval, FedField, Flow, load
from sinks.records.gear.places import Clock
from sinks.records.gear.planning import Planned, plan_produced
from tests.conftest import FreshDatabase
from tests.integration.records.gear.engine import APPROVER, AUTHOR, MONTH, Engine, make_engine

pytestmark = pytest.mark.postgres


@pytest.fixture
def engine(fresh_database: FreshDatabase) -> Engine:
    return make_engine(fresh_database())


def ahead(by: timedelta) -> Clock:
    """A clock that shows a time to come."""
    right = Clock()
    return Clock(lambda: right.now() + by, right.sleep)


def forecast_flow(**changed: object) -> Flow:
    """`erp.spare_parts_demand`, whose rows hold a figure of the planners beside ours."""
    own = {
        "fields": {"forecast_qty": FedField(gear="live"), "alert_qty": FedField(gear="live")},
        "approval": Approval(role="erp_approver"),
    }
    return load("erp.spare_parts_demand").model_copy(update=own | changed)


def plan_parts(engine: Engine, wanted: dict[str, tuple[int, int]]) -> Planned:
    engine.snapshot += 1
    table = pa.table(
        {
            "part": pa.array(list(wanted), pa.string()),
            "plant": pa.array(["LUND"] * len(wanted), pa.string()),
            "month": pa.array([MONTH] * len(wanted), pa.date32()),
            "forecast_qty": pa.array([one for one, _ in wanted.values()], pa.int64()),
            "alert_qty": pa.array([two for _, two in wanted.values()], pa.int64()),
        }
    )
    return plan_produced(engine.flow, engine.places, AUTHOR, engine.clock, lambda: (table, engine.snapshot))


def carried(engine: Engine, planned: Planned) -> int:
    number = planned.change_set_id
    assert number is not None
    engine.approve(number)
    engine.apply(number)
    return number


def test_an_added_row_in_which_a_person_has_set_a_field_of_their_own_is_not_deleted_by_an_undo(engine: Engine) -> None:
    engine.flow = forecast_flow()
    number = carried(engine, plan_parts(engine, {"P-1": (7, 1), "P-2": (7, 1)}))
    engine.erp("UPDATE erp.spare_parts_demand SET planned_qty = 12 WHERE part = 'P-1'")
    carried(engine, engine.undo(number))
    assert [row["part"] for row in engine.erp("SELECT part FROM erp.spare_parts_demand")] == ["P-1"]


def test_a_set_that_has_expired_is_planned_anew(engine: Engine) -> None:
    first = engine.plan({"WM-1": (1, 1)})
    engine.erp("UPDATE gearbox.change_set SET expires_at = now() - interval '1 minute'")
    again = engine.plan({"WM-1": (1, 1)})
    assert again.is_new
    assert first.change_set_id != again.change_set_id
    assert engine.erp("SELECT status FROM gearbox.change_set ORDER BY 1")[0]["status"] == "expired"
    assert again.change_set_id is not None
    engine.approve(again.change_set_id)
    assert engine.apply(again.change_set_id).changes == 2


def test_an_undo_asked_for_again_goes_by_what_the_row_is_now(engine: Engine) -> None:
    first = engine.shift({"WM-1": (1, 1)})
    engine.undo(first.change_set_id)
    engine.erp("UPDATE erp.monthly_sales SET sold_qty = 101 WHERE material = 'WM-1'")
    back = engine.undo(first.change_set_id)
    assert back.change_set_id is not None
    engine.approve(back.change_set_id)
    assert engine.apply(back.change_set_id).changes == 2


@pytest.mark.parametrize("reason", ["", " \n"])
def test_no_undo_and_no_restore_without_a_reason(engine: Engine, reason: str) -> None:
    first = engine.shift({"WM-1": (1, 1)})
    with pytest.raises(UsageError, match="reason"):
        restores.declare(engine.places, "erp", reason, APPROVER, engine.clock)
    with pytest.raises(UsageError, match="reason"):
        undo.plan_undo(first.change_set_id, engine.flow, engine.places, "Ulf Undo", engine.clock, reason)


def test_what_is_written_after_a_restore_is_ours_though_the_clock_was_put_back(engine: Engine) -> None:
    put_back, engine.clock = engine.clock, ahead(timedelta(hours=2))
    engine.shift({"WM-1": (1, 1)})
    restores.declare(engine.places, "erp", "from a backup", APPROVER, engine.clock, is_forced=True)
    engine.clock = put_back
    engine.shift({"WM-1": (2, 1)})
    engine.edit("WM-1", "activated_qty", 9)
    (change,) = engine.plan({"WM-1": (3, 1)}).change_set.changes
    assert change.verdict == Verdict("refused", "a person set it since change set 2 wrote it, and that is kept")


def test_what_was_written_before_a_restore_is_not_ours_though_its_clock_was_ahead(engine: Engine) -> None:
    right, engine.clock = engine.clock, ahead(timedelta(minutes=2))
    engine.shift({"WM-1": (2, 1)})
    engine.clock = right
    engine.edit("WM-1", "activated_qty", 1)  # as the backup held it
    restores.declare(engine.places, "erp", "from a backup", APPROVER, engine.clock, is_forced=True)
    engine.shift({"WM-1": (3, 1)})
    assert engine.held()["WM-1", "activated_qty"] == 3


def test_a_clock_put_back_by_an_hour_does_not_stop_the_gearbox_for_an_hour(engine: Engine) -> None:
    engine.clock = ahead(timedelta(hours=1))
    engine.shift({"WM-1": (1, 1)})
    slept: list[float] = []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        assert sum(slept) < 10, "too long"

    engine.clock = Clock(sleep=sleep)
    erp = engine.places.systems["erp"].model_copy(update={"rows_per_s": 1})
    number = engine.plan({"WM-1": (2, 1)}).change_set_id
    assert number is not None
    engine.approve(number)
    apply_set(number, engine.flow, engine.with_systems({"erp": erp}), AUTHOR, engine.clock)
    assert engine.held()["WM-1", "activated_qty"] == 2


def freezing_once_refused(engine: Engine, monkeypatch: pytest.MonkeyPatch, *, rejects: bool = False) -> None:
    """ERP refuses batches with a 13; at the first one somebody declares a freeze, or rejects the set."""
    engine.erp("ALTER TABLE erp.monthly_sales ADD CONSTRAINT no_thirteen CHECK (activated_qty <> 13)")
    carry = chunks.cancel
    told: list[str] = []

    def cancel(connection: Connection, token: str, now: datetime) -> None:
        carry(connection, token, now)
        if not told:
            told.append(token)
            ledger = engine.places.ledger
            if rejects:
                approvals.reject(ledger, 1, APPROVER, now, reason="no")
            else:
                freezes.declare(ledger, "erp", now, now + timedelta(hours=1), "closing of the month", APPROVER, now)

    monkeypatch.setattr(chunks, "cancel", cancel)


@pytest.mark.parametrize("rejects", [False, True])
def test_rows_beside_one_that_erp_refuses_do_not_land_in_a_freeze_nor_of_a_rejected_set(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, rejects: bool
) -> None:
    freezing_once_refused(engine, monkeypatch, rejects=rejects)
    applied = engine.shift({"WM-1": (1, 1), "WM-2": (13, 1), "WM-3": (3, 1), "WM-4": (4, 1)})
    assert applied.changes == 0
    assert set(engine.held().values()) == {None}
    assert applied.status == ("rejected" if rejects else "open")


def test_a_freeze_that_begins_between_the_last_look_and_the_sending_is_kept(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    carry = sets.status_of

    def status_of(connection: Connection, change_set_id: int, *, is_held: bool = False) -> ChangeSetStatus:
        now = engine.clock.now()
        if not freezes.listing(connection, now):
            freezes.declare(
                engine.places.ledger, "*", now, now + timedelta(hours=1), "closing of the month", APPROVER, now
            )
        return carry(connection, change_set_id, is_held=is_held)

    monkeypatch.setattr(sets, "status_of", status_of)
    applied = engine.shift({"WM-1": (1, 1)})
    assert (applied.changes, applied.waiting, applied.status) == (0, 2, "open")


def test_half_a_character_in_a_reason_is_told_in_a_line(engine: Engine) -> None:
    now = engine.clock.now()
    with pytest.raises(UsageError, match=r"U\+DCFF, which is no character"):
        freezes.declare(engine.places.ledger, "erp", now, now + timedelta(hours=1), "stock \udcff", APPROVER, now)
