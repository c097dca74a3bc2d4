"""What ends a set, freezes its system or closes its window while chunks are under way holds the next of them."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, timedelta
from zoneinfo import ZoneInfo

import psycopg
import pytest

from sinks.records.database import session
from sinks.records.gear import approvals, freezes
from sinks.records.gear.applying import Applied
from sinks.records.gear.flow import FedField
from sinks.records.gear.places import Clock
from sinks.records.targets.target import Written
from tests.conftest import FreshDatabase
from tests.integration.records.gear.engine import (
    APPROVER,
    FIELDS,
    Engine,
    make_engine,
    small_flow,
)
from tests.integration.records.gear.row_by_row import (
    approved,
    by_the_row,
    scripted,
    states,
)


@pytest.fixture
def engine(fresh_database: FreshDatabase) -> Engine:
    return make_engine(fresh_database())


def applied_while(engine: Engine, monkeypatch: pytest.MonkeyPatch, number: int, happens: Callable[[], None]) -> Applied:
    """The set, applied row by row; this happens when its second chunk comes to the record system."""

    def in_the_second(count: int, write: Callable[[], Written]) -> Written:
        if count == 2:
            happens()
        return write()

    scripted(engine, monkeypatch, in_the_second)
    return by_the_row(engine, number)


def test_a_set_rejected_while_a_chunk_is_written_goes_no_further_than_that(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = approved(engine)

    def reject() -> None:
        approvals.reject(engine.dsn, number, APPROVER, engine.clock.now(), reason="wrong month")

    applied = applied_while(engine, monkeypatch, number, reject)
    assert (applied.status, applied.changes) == ("rejected", 4)
    assert len(engine.audit()) == 4


def test_a_freeze_declared_while_a_chunk_is_written_holds_the_next(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = approved(engine)

    def freeze() -> None:
        now = engine.clock.now()
        freezes.declare(engine.dsn, "erp", now, now + timedelta(hours=1), "year end", APPROVER, now)

    applied = applied_while(engine, monkeypatch, number, freeze)
    assert (applied.status, applied.changes, applied.waiting) == ("open", 4, 4)
    assert "year end" in applied.reasons[0]


def test_after_a_chunk_that_took_long_the_next_is_judged_anew(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its window has closed meanwhile."""
    engine.flow = small_flow(fields={name: FedField(gear="nightly") for name in FIELDS}, expires_after_h=100)
    number = approved(engine)
    tomorrow = engine.clock.now().astimezone(ZoneInfo("Europe/Stockholm")) + timedelta(days=1)
    at = [tomorrow.replace(hour=4, minute=59, second=59, microsecond=0)]
    engine.clock = Clock(lambda: at[0].astimezone(UTC), lambda _seconds: None)

    def take_long() -> None:
        at[0] += timedelta(seconds=2)

    applied = applied_while(engine, monkeypatch, number, take_long)
    assert (applied.changes, applied.waiting) == (4, 4)
    assert "nightly" in applied.reasons[0]


def test_a_chunk_that_waits_for_who_ends_its_set_is_not_sent(engine: Engine) -> None:
    """Also where nobody but the ledger says so: a plan that supersedes it has not committed yet."""
    number = approved(engine)
    with psycopg.connect(engine.dsn) as other, ThreadPoolExecutor(1) as pool:
        other.execute("SELECT FROM gearbox.change_set WHERE change_set_id = %s FOR UPDATE", [number])
        applied = pool.submit(by_the_row, engine, number)
        time.sleep(0.5)
        other.execute("UPDATE gearbox.change_set SET status = 'superseded' WHERE change_set_id = %s", [number])
        other.commit()
        assert applied.result().changes == 0
    assert set(engine.held().values()) == {None}
    assert states(engine) == []


def test_a_freeze_that_was_declared_while_a_chunk_waited_holds_it(engine: Engine) -> None:
    number = approved(engine)
    with psycopg.connect(engine.dsn) as other, ThreadPoolExecutor(1) as pool:
        other.execute("SELECT FROM gearbox.change_set WHERE change_set_id = %s FOR UPDATE", [number])
        applied = pool.submit(by_the_row, engine, number)
        time.sleep(0.5)
        now = engine.clock.now()
        freezes.declare(engine.dsn, "erp", now, now + timedelta(hours=1), "year end", APPROVER, now)
        other.rollback()
        assert (applied.result().changes, applied.result().waiting) == (0, 8)
    assert states(engine) == []


def test_who_declares_a_freeze_waits_for_a_chunk_that_is_about_to_be_sent(engine: Engine) -> None:
    with session(engine.dsn) as sender, ThreadPoolExecutor(1) as pool, sender.transaction():
        freezes.hold_calendar(sender)
        now = engine.clock.now()
        declared = pool.submit(
            freezes.declare, engine.dsn, "erp", now, now + timedelta(hours=1), "year end", APPROVER, now
        )
        with pytest.raises(TimeoutError):
            declared.result(timeout=0.5)
    assert declared.result() == 1


def test_a_chunk_that_waited_long_for_who_let_its_set_be_is_judged_anew(engine: Engine) -> None:
    """Its window has closed while somebody held the set, and ended nothing."""
    engine.flow = small_flow(fields={name: FedField(gear="nightly") for name in FIELDS}, expires_after_h=100)
    number = approved(engine)
    tomorrow = engine.clock.now().astimezone(ZoneInfo("Europe/Stockholm")) + timedelta(days=1)
    at = [tomorrow.replace(hour=4, minute=59, second=50, microsecond=0)]
    engine.clock = Clock(lambda: at[0].astimezone(UTC), lambda _seconds: None)
    with psycopg.connect(engine.dsn) as other, ThreadPoolExecutor(1) as pool:
        other.execute("SELECT FROM gearbox.change_set WHERE change_set_id = %s FOR UPDATE", [number])
        applied = pool.submit(by_the_row, engine, number)
        time.sleep(0.5)
        at[0] += timedelta(minutes=10)
        other.rollback()
        assert (applied.result().changes, applied.result().waiting) == (0, 8)
    assert states(engine) == []
