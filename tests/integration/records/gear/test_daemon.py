"""The gearbox at work: queues that do not hold each other up, freezes that end, systems that come back."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from threading import Event

import pyarrow as pa
import pytest

from schemas.errors import OutsideError, UnreachableError
from sinks.records.database import session
from sinks.records.gear import chunks, freezes
from sinks.records.gear.applying import Applied, apply_set
from sinks.records.gear.daemon import Happened, Queue, queues, work
from sinks.records.gear.flow import Approval, FedField, Flow, load
from sinks.records.gear.places import Clock
from sinks.records.gear.planning import Planned
from sinks.records.gear.systems import System
from sinks.records.targets.opening import open_target
from sinks.records.targets.target import Target
from tests.conftest import FreshDatabase
from tests.integration.records.gear.engine import APPROVER, AUTHOR, Engine, make_engine, produced, small_flow

pytestmark = pytest.mark.postgres

FREE = Approval(role="erp_approver", free_rows=100_000)


@dataclass
class Time:
    """A clock that tests move; sleeping takes no time. It is ahead of the servers', to which deadlines are told."""

    at: datetime = field(default_factory=lambda: datetime.now(UTC) + timedelta(hours=1))  # noqa: TID251

    @property
    def clock(self) -> Clock:
        return Clock(self.now, self.pass_s)

    def now(self) -> datetime:
        self.at += timedelta(milliseconds=1)
        return self.at

    def pass_s(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def engine(fresh_database: FreshDatabase, time: Time) -> Engine:
    engine = make_engine(fresh_database())
    engine.clock, engine.flow = time.clock, small_flow(approval=FREE)
    return engine


@pytest.fixture
def told() -> list[Happened]:
    return []


@pytest.fixture
def queue(engine: Engine, told: list[Happened], monkeypatch: pytest.MonkeyPatch) -> Queue:
    """ERP's queue, with models that give what `wanted` of the engine says."""
    monkeypatch.setattr("sinks.records.gear.model.run", lambda *_: (produced({"WM-1": (1, 1)}), 1))
    (own,) = queues([engine.flow], engine.places, engine.clock, told.append)
    return own


def test_what_may_go_is_planned_and_written_and_the_next_turn_finds_nothing(queue: Queue, engine: Engine) -> None:
    assert queue.turn()
    assert engine.held()["WM-1", "activated_qty"] == 1
    assert not queue.turn()
    assert queue.is_idle()


def test_a_flow_is_planned_again_when_it_is_due(queue: Queue, engine: Engine, time: Time) -> None:
    queue.turn()
    engine.edit("WM-1", "in_use_qty", None)
    engine.erp("DELETE FROM gearbox.chunk WHERE false")
    queue.turn()
    planned = engine.erp("SELECT count(*) AS number FROM gearbox.change_set")[0]["number"]
    time.pass_s(engine.flow.every_s)
    queue.turn()
    assert engine.erp("SELECT count(*) AS number FROM gearbox.change_set")[0]["number"] == planned + 1


def test_what_waits_for_a_freeze_lands_after_it_in_the_order_of_its_plans(engine: Engine, time: Time) -> None:
    now = time.now()
    freezes.declare(engine.places.ledger, "erp", now, now + timedelta(hours=2), "closing", APPROVER, now)
    engine.flow = small_flow(approval=FREE)
    first = engine.plan({"WM-1": (1, 1)}).change_set_id
    engine.erp("UPDATE gearbox.change_set SET flow = 'erp.spare_parts_demand' WHERE change_set_id = %s", first)
    second = engine.plan({"WM-2": (2, 2)}).change_set_id
    engine.erp("UPDATE gearbox.change_set SET flow = 'erp.sales_usage' WHERE change_set_id = %s", first)
    assert first is not None
    assert second is not None
    (own,) = queues([engine.flow], engine.places, engine.clock, lambda _: None)
    own._planned_at[engine.flow.name] = now + timedelta(days=1)
    for _ in range(20):
        own.turn()
        time.pass_s(300)
        if time.at < now + timedelta(hours=2):
            assert engine.held()["WM-1", "activated_qty"] is None
            assert engine.held()["WM-2", "activated_qty"] is None
    for _ in range(20):
        own.turn()
        time.pass_s(300)
    assert (engine.held()["WM-1", "activated_qty"], engine.held()["WM-2", "activated_qty"]) == (1, 2)
    written = engine.audit()
    assert [row["change_set_id"] for row in written] == [first, first, second, second]
    assert all(row["at"] >= now + timedelta(hours=2) for row in written)


def test_a_freeze_that_begins_while_a_set_is_written_stops_it_until_its_end(engine: Engine, time: Time) -> None:
    materials = [f"WM-{number}" for number in range(100, 160)]
    engine.fill(materials)
    number = engine.plan(dict.fromkeys(materials, (1, 1))).change_set_id
    assert number is not None
    begin = time.now() + timedelta(seconds=4.5)
    end = begin + timedelta(hours=1)
    freezes.declare(engine.places.ledger, "erp", begin, end, "closing", APPROVER, time.now())
    slow = engine.slowed(rows_per_s=10, chunk_rows=10)
    first = apply_set(number, engine.flow, slow, AUTHOR, engine.clock)
    assert 0 < first.rows < 60
    assert (first.waiting, first.not_before in (None, end)) == (2 * (60 - first.rows), True)
    assert all(row["at"] < begin for row in engine.audit())
    time.at = end
    assert apply_set(number, engine.flow, slow, AUTHOR, engine.clock).rows == 60 - first.rows
    assert len(engine.audit()) == 120


def test_a_burst_of_a_hundred_times_the_rate_is_never_above_it(engine: Engine, time: Time) -> None:
    materials = [f"WM-{number}" for number in range(1000, 5000)]
    engine.fill(materials)
    number = engine.plan(dict.fromkeys(materials, (1, 1))).change_set_id
    assert number is not None
    begin = time.at
    apply_set(number, engine.flow, engine.slowed(rows_per_s=40, chunk_rows=40), AUTHOR, engine.clock)
    sent = [
        (row["sent_at"], row["written_rows"])
        for row in engine.erp("SELECT sent_at, written_rows FROM gearbox.chunk ORDER BY sent_at")
    ]
    assert sum(rows for _, rows in sent) == len(materials)
    for first, _ in sent:
        inside = [rows for at, rows in sent if timedelta(0) <= at - first < timedelta(seconds=1)]
        assert sum(inside) <= 40
    assert time.at - begin >= timedelta(seconds=99)


def test_a_set_that_people_are_asked_about_is_not_taken_from_under_them(
    engine: Engine, told: list[Happened], time: Time, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = {"WM-1": (1, 1)}
    monkeypatch.setattr("sinks.records.gear.model.run", lambda *_: (produced(wanted), 1))
    flow = small_flow()
    (own,) = queues([flow], engine.places, engine.clock, told.append)
    own.turn()
    wanted["WM-1"] = (2, 2)
    time.pass_s(flow.every_s)
    own.turn()
    assert [row["status"] for row in engine.erp("SELECT status FROM gearbox.change_set")] == ["open"]
    engine.approve(1)
    own.turn()
    assert engine.held()["WM-1", "activated_qty"] == 1


def test_a_system_that_does_not_answer_is_left_alone_longer_each_time_and_comes_back(
    queue: Queue, engine: Engine, told: list[Happened], time: Time, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = open_target
    tries: list[datetime] = []

    def dead(system: System, address: str) -> Target:
        tries.append(time.at)
        raise UnreachableError("erp does not answer")

    for module in ("planning", "applying", "daemon"):
        monkeypatch.setattr(f"sinks.records.gear.{module}.open_target", dead)
    for _ in range(600):
        queue.turn()
        time.pass_s(0.5)
    waits = [later - earlier for earlier, later in pairwise(tries)]
    assert waits[0] < waits[1] < waits[2]
    assert max(waits) >= timedelta(seconds=engine.places.systems["erp"].breaker_rest_s)
    assert len(tries) < 12
    (row,) = engine.erp("SELECT state, failures FROM gearbox.breaker WHERE system = 'erp'")
    assert (row["state"], row["failures"]) == ("open", len(tries))
    for module in ("planning", "applying", "daemon"):
        monkeypatch.setattr(f"sinks.records.gear.{module}.open_target", opened)
    time.pass_s(120)
    queue.turn()
    assert engine.held()["WM-1", "activated_qty"] == 1
    assert engine.erp("SELECT state FROM gearbox.breaker WHERE system = 'erp'")[0]["state"] == "closed"


def test_a_gearbox_that_is_at_work_there_ends_no_queue(queue: Queue, engine: Engine) -> None:
    engine.erp(
        """INSERT INTO gearbox.change_set (kind, flow, flow_version, lake_snapshot, system, target_table, target_rows,
             changes, changed_rows, missing_rows, missing_keys, content_hash, status, planned_by, planned_at,
             expires_at)
           VALUES ('plan', 'erp.sales_usage', '1', 1, 'erp', 'erp.monthly_sales', 4, 1, 1, 0, '{}', '', 'superseded',
             'gearbox', now(), now())"""
    )
    engine.erp(
        """INSERT INTO gearbox.chunk
             (chunk_id, change_set_id, system, change_nos, written_rows, state, sent_by, sent_at)
           SELECT gen_random_uuid(), max(change_set_id), 'erp', '{1}', 1, 'sent', 'other', now()
           FROM gearbox.change_set"""
    )
    with session(engine.dsn) as other:
        chunks.hold_system(other, "erp")
        queue.turn()
        assert engine.erp("SELECT state FROM gearbox.chunk")[0]["state"] == "sent"
    queue.turn()
    assert [row["state"] for row in engine.erp("SELECT state FROM gearbox.chunk ORDER BY sent_at")][-1] != "sent"
    assert queue.breaker.state == "closed"


def test_a_ledger_that_does_not_answer_is_tried_again_and_ends_no_queue(
    queue: Queue, engine: Engine, told: list[Happened], time: Time
) -> None:
    there = queue.places
    queue.places = replace(there, ledger="postgresql://nobody@127.0.0.1:1/none")
    for _ in range(3):
        assert not queue.turn()
        time.pass_s(30)
    assert [type(happened.what) for happened in told] == [UnreachableError] * 3
    queue.places = there
    time.pass_s(300)
    queue.turn()
    assert engine.held()["WM-1", "activated_qty"] == 1


def test_a_dead_erp_does_not_hold_up_crm(engine: Engine, told: list[Happened], monkeypatch: pytest.MonkeyPatch) -> None:
    engine.erp(
        "INSERT INTO crm.customer (customer_id, name, email, language, country) "
        "VALUES ('cu-1', 'Ada', 'ada@mail.example', 'sv', 'SE')"
    )
    crm = load("crm.customer_usage").model_copy(
        update={"fields": {"engagement": FedField(gear="live", purpose=("contract",))}, "consent_subject": None}
    )
    monkeypatch.setattr("sinks.records.gear.model.run", _by_flow)
    opened = open_target

    def erp_is_dead(system: System, address: str) -> Target:
        if system.name == "erp":
            raise UnreachableError("erp does not answer")
        return opened(system, address)

    for module in ("planning", "applying", "daemon"):
        monkeypatch.setattr(f"sinks.records.gear.{module}.open_target", erp_is_dead)
    both = queues([engine.flow, crm], engine.places, Clock(), told.append)
    fast = {"erp": engine.places.systems["erp"].model_copy(update={"breaker_failures": 1})}
    for own in both:
        own.places = engine.with_systems(fast)
    assert work(both, Event(), until_idle=True) == {}
    assert engine.erp("SELECT engagement FROM crm.customer")[0]["engagement"] == "daily"
    assert [happened.system for happened in told if isinstance(happened.what, OutsideError)] == ["erp"]
    assert [type(happened.what) for happened in told if happened.system == "crm"] == [Planned, Applied]


def _by_flow(flow: Flow, *_: object) -> tuple[pa.Table, int]:
    if flow.system == "erp":
        return produced({"WM-1": (1, 1)}), 1
    return pa.table({"customer_id": ["cu-1"], "engagement": ["daily"], "why_session_count": [3]}), 1
