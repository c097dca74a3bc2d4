"""The gearbox at a record system behind a REST interface: nothing above the adapter knows the difference."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, timedelta

import pyarrow as pa
import pytest

from schemas.errors import DecisionError, OutsideError, UnreachableError
from schemas.records import BY_NAME
from sinks.records.gear.daemon import Happened, queues
from sinks.records.gear.places import Places
from sinks.records.targets.clock import now_utc
from tests.conftest import FreshDatabase
from tests.integration.records.gear.engine import FIELDS, MATERIALS, MONTH, Engine, make_engine, produced
from tests.integration.records.targets import http_system
from tests.integration.records.targets.http_system import HttpSystem, Row, serving

pytestmark = pytest.mark.postgres


@dataclass
class HttpEngine(Engine):
    """An engine whose ERP is reached at an address; people and ledger are in PostgreSQL as ever."""

    address: str = ""

    @property
    def places(self) -> Places:
        there = super().places
        erp = there.systems["erp"].model_copy(update={"kind": "http", "chunk_rows": 2})
        return replace(there, systems={**there.systems, "erp": erp}, addresses={**there.addresses, "erp": self.address})


@pytest.fixture
def erp() -> HttpSystem:
    system = HttpSystem(BY_NAME["erp.monthly_sales"], dict, {})
    system.state.rows = {_key(material): Row({"sold_qty": 100}) for material in MATERIALS}
    return system


@pytest.fixture
def engine(fresh_database: FreshDatabase, erp: HttpSystem) -> Iterator[HttpEngine]:
    made = make_engine(fresh_database())
    with serving(erp) as address:
        yield HttpEngine(made.dsn, address=address)


def _key(material: str, month: date = MONTH) -> str:
    return json.dumps([material, month.isoformat()], separators=(",", ":"))


def held(erp: HttpSystem, name: str = "activated_qty") -> dict[str, int | None]:
    return {json.loads(key)[0]: row.values.get(name) for key, row in erp.state.rows.items()}


def versions(erp: HttpSystem) -> set[int]:
    return {row.row_version for row in erp.state.rows.values()}


def test_what_is_approved_is_written_a_persons_value_is_kept_and_the_rest_goes_back(
    engine: HttpEngine, erp: HttpSystem
) -> None:
    first = engine.shift(dict.fromkeys(MATERIALS, (10, 5)))
    assert (first.status, first.changes) == ("applied", 8)
    assert set(held(erp).values()) == {10}
    assert [(row["field"], row["before"], row["after"]) for row in engine.audit()[:2]] == [
        ("activated_qty", "null", "10"), ("in_use_qty", "null", "5"),
    ]  # fmt: skip
    assert engine.plan(dict.fromkeys(MATERIALS, (10, 5))).change_set_id is None

    erp.state.rows[_key("WM-2")].values["activated_qty"] = 77
    erp.state.rows[_key("WM-2")].row_version += 1
    kept = engine.plan(dict.fromkeys(MATERIALS, (10, 5)))
    assert [change.verdict.decision for change in kept.change_set.changes] == ["refused"]

    back = engine.undo(first.change_set_id)
    assert back.change_set_id is not None
    engine.approve(back.change_set_id)
    engine.apply(back.change_set_id)
    assert held(erp) == {"WM-1": None, "WM-2": 77, "WM-3": None, "WM-4": None}


@pytest.mark.parametrize("fault", ["drop_after_write", "drop_before_write"])
@pytest.mark.parametrize("nth", [1, 2, 3])
def test_a_connection_that_is_cut_in_any_row_loses_and_doubles_nothing(
    engine: HttpEngine, erp: HttpSystem, fault: str, nth: int
) -> None:
    wanted = dict.fromkeys(MATERIALS, (10, 5))
    number = engine.plan(wanted).change_set_id
    assert number is not None
    engine.approve(number)
    setattr(erp.faults, fault, nth)
    try:
        engine.apply(number)
    except OutsideError:
        engine.apply(number)
    # A REST interface knows no transaction: of a batch that was cut, rows whose turn had not come are left out, and the
    # next plan brings them.
    again = engine.plan(wanted)
    if again.change_set_id is not None:
        engine.approve(again.change_set_id)
        engine.apply(again.change_set_id)
    assert set(held(erp).values()) == {10}
    assert set(held(erp, "in_use_qty").values()) == {5}
    assert versions(erp) == {2}
    assert len(engine.audit()) == len(MATERIALS) * len(FIELDS)


def test_the_daemon_carries_what_may_go_by_rule_and_waits_for_a_system_that_is_away(
    engine: HttpEngine, erp: HttpSystem, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted: list[pa.Table] = [produced({"WM-1": (1, 1)})]
    monkeypatch.setattr("sinks.records.gear.model.run", lambda *_: (wanted[0], 1))
    assert engine.flow.approval is not None
    free = engine.flow.approval.model_copy(update={"free_rows": 100})
    engine.flow = engine.flow.model_copy(update={"approval": free})
    told: list[Happened] = []
    (queue,) = queues([engine.flow], engine.places, engine.clock, told.append)
    erp.faults.status = 503
    queue.turn()
    assert isinstance(told[-1].what, OutsideError)
    assert held(erp)["WM-1"] is None
    erp.faults.status = 0
    engine.clock.sleep(1.1)
    queue.turn()
    assert held(erp)["WM-1"] == 1


@pytest.mark.parametrize("status", [401, 403, 404])
def test_a_system_that_lets_us_in_no_more_turns_nothing_down_and_the_set_stays_open(
    engine: HttpEngine, erp: HttpSystem, status: int
) -> None:
    number = engine.plan(dict.fromkeys(MATERIALS, (10, 5))).change_set_id
    assert number is not None
    engine.approve(number)
    erp.faults.status = status
    with pytest.raises(OutsideError, match=f"status {status}"):
        engine.apply(number)
    assert engine.audit("turned_down") == engine.audit("closed") == []
    assert engine.erp("SELECT status FROM gearbox.change_set WHERE change_set_id = %s", number) == [{"status": "open"}]
    erp.faults.status = 0
    applied = engine.apply(number)
    assert (applied.status, applied.changes, applied.left_out) == ("applied", 8, 0)


def test_a_system_that_has_forgotten_stops_the_gearbox_until_somebody_says_so(
    engine: HttpEngine, erp: HttpSystem
) -> None:
    before = erp.saved()
    engine.shift({"WM-1": (10, 5)})
    erp.restore(before)
    with pytest.raises(DecisionError, match="vaxel gearbox restored erp"):
        engine.plan({"WM-1": (10, 5)})


def test_a_batch_past_its_deadline_by_the_systems_clock_turns_no_row_down(
    engine: HttpEngine, erp: HttpSystem, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = engine.plan(dict.fromkeys(MATERIALS, (10, 5))).change_set_id
    assert number is not None
    engine.approve(number)
    with monkeypatch.context() as ahead:
        ahead.setattr(http_system, "now_utc", lambda: now_utc() + timedelta(hours=1))
        with pytest.raises(UnreachableError, match="past its deadline by the system's clock"):
            engine.apply(number)
    assert engine.audit("turned_down") == []
    assert set(held(erp).values()) == {None}
    assert engine.apply(number).status == "applied"
    assert set(held(erp).values()) == {10}
