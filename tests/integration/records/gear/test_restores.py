"""That a record system was put back is believed when it has forgotten something, or when somebody insists."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from schemas.errors import OutsideError, UnreachableError, UsageError
from sinks.records.database import session
from sinks.records.gear import chunks, restores
from sinks.records.gear.restores import Declared
from tests.conftest import FreshDatabase
from tests.integration.records.gear.engine import APPROVER, Engine, Killed, failing, make_engine

pytestmark = pytest.mark.postgres

WM_1 = ("WM-1", "activated_qty")


@pytest.fixture
def engine(fresh_database: FreshDatabase) -> Engine:
    return make_engine(fresh_database())


def declare(engine: Engine, **how: Any) -> Declared:
    return restores.declare(engine.places, "erp", "from a backup", APPROVER, engine.clock, **how)


def put_back(engine: Engine, *, receipts: int = 0) -> None:
    """ERP is as it was before anything was written, but for its oldest receipts."""
    engine.erp("UPDATE erp.monthly_sales SET activated_qty = NULL, in_use_qty = NULL")
    engine.erp(
        "DELETE FROM erp.gearbox_receipt "
        "WHERE token NOT IN (SELECT chunk_id FROM gearbox.chunk ORDER BY sent_at LIMIT %s)",
        receipts,
    )


def detail(engine: Engine) -> Any:
    (row,) = engine.audit("restored")
    return json.loads(row["detail"])


def test_a_system_that_still_knows_everything_is_not_declared_put_back(engine: Engine) -> None:
    engine.shift({"WM-1": (1, 1)})
    waiting = engine.plan({"WM-1": (2, 1)}).change_set_id
    with pytest.raises(UsageError, match=r"erp still knows all that it acknowledged.*--force"):
        declare(engine)
    assert engine.audit("restored") == []
    assert engine.erp("SELECT status FROM gearbox.change_set WHERE change_set_id = %s", waiting)[0]["status"] == "open"


def test_a_system_that_acknowledged_nothing_since_the_last_time_is_not_declared_put_back(engine: Engine) -> None:
    with pytest.raises(UsageError, match=r"erp has acknowledged nothing that it could have forgotten.*--force"):
        declare(engine)
    engine.shift({"WM-1": (1, 1)})
    put_back(engine)
    declare(engine)
    with pytest.raises(UsageError, match=r"since it was last declared put back.*--force"):
        declare(engine)


def test_what_a_system_has_forgotten_is_told_in_the_audit_and_the_next_plan_writes_it(engine: Engine) -> None:
    for value in (1, 2, 3):
        engine.shift({"WM-1": (value, 1)})
    engine.plan({"WM-1": (4, 1)})
    put_back(engine, receipts=1)
    assert declare(engine) == Declared(ended_sets=1, asked=3, forgotten=2)
    assert detail(engine) == {
        "system": "erp",
        "reason": "from a backup",
        "ended_sets": 1,
        "asked": 3,
        "forgotten": 2,
    }
    engine.shift({"WM-1": (3, 1)})
    assert engine.held()[WM_1] == 3


def test_who_insists_is_believed_and_the_audit_says_that_they_insisted(engine: Engine) -> None:
    engine.shift({"WM-1": (1, 1)})
    assert declare(engine, is_forced=True) == Declared(ended_sets=0, asked=1, forgotten=0)
    assert detail(engine)["forced"] is True


def test_who_insists_where_something_was_forgotten_had_no_need_to(engine: Engine) -> None:
    engine.shift({"WM-1": (1, 1)})
    put_back(engine)
    declare(engine, is_forced=True)
    assert "forced" not in detail(engine)


@pytest.mark.parametrize("is_forced", [False, True])
def test_a_system_that_does_not_answer_cannot_be_declared_put_back(engine: Engine, is_forced: bool) -> None:
    engine.shift({"WM-1": (1, 1)})
    nowhere = replace(engine.places, addresses={"erp": "postgresql://postgres@127.0.0.1:1/none"})
    with pytest.raises(UnreachableError):
        restores.declare(nowhere, "erp", "from a backup", APPROVER, engine.clock, is_forced=is_forced)
    assert engine.audit("restored") == []


@pytest.mark.parametrize("is_forced", [False, True])
def test_while_somebody_writes_a_system_cannot_be_declared_put_back(engine: Engine, is_forced: bool) -> None:
    engine.shift({"WM-1": (1, 1)})
    put_back(engine)
    with session(engine.places.ledger) as other:
        chunks.hold_system(other, "erp")
        with pytest.raises(OutsideError, match="Another gearbox writes into erp just now"):
            declare(engine, is_forced=is_forced)
    declare(engine)
    assert engine.shift({"WM-1": (1, 1)}).changes == 2, "and it was let go again"


def test_what_was_on_its_way_is_settled_first_so_it_lies_before_the_restore(engine: Engine) -> None:
    with failing(engine):
        engine.faults.kill_at = "gear.written"
        with pytest.raises(Killed):
            engine.shift({"WM-1": (1, 1)})
    declare(engine, is_forced=True)
    assert [row["event"] for row in engine.erp("SELECT event FROM gearbox.audit ORDER BY audit_no")][-3:] == [
        "written",
        "written",
        "restored",
    ]


def test_who_may_not_say_it_learns_nothing_of_the_system(engine: Engine) -> None:
    with pytest.raises(UsageError, match="needs the role calendar_keeper"):
        restores.declare(engine.places, "erp", "from a backup", "Karin Keeper", engine.clock)
    with pytest.raises(UsageError, match="There is no record system 'sap'"):
        restores.declare(engine.places, "sap", "from a backup", APPROVER, engine.clock)


def test_the_way_back_of_a_set_that_was_written_before_a_restore_is_told_to_be_none(engine: Engine) -> None:
    first = engine.shift({"WM-1": (1, 1)})
    declare(engine, is_forced=True)
    with pytest.raises(UsageError, match=f"{APPROVER} declared erp put back at .* UTC: what change set 1 wrote before"):
        engine.undo(first.change_set_id)
    assert len(engine.erp("SELECT change_set_id FROM gearbox.change_set")) == 1, "nothing is planned"
    second = engine.shift({"WM-1": (2, 1)})
    back = engine.undo(second.change_set_id)
    assert [change.verdict.decision for change in back.change_set.changes] == ["needs_approval"]
