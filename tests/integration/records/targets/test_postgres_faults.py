"""A PostgreSQL that goes away, stands still or is slow: what is written, what is told, and never twice."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from psycopg import conninfo

from schemas.errors import OutcomeUnknownError, UnreachableError, UsageError
from sinks.records.targets import postgres, postgres_writing
from sinks.records.targets.clock import now_utc
from sinks.records.targets.target import LeftOut, Written
from tests.integration.records.targets.proxy import Fault, proxied
from tests.integration.records.targets.systems_under_test import PostgresSystem, batch_for, insert, update
from tests.integration.records.targets.working import opened, wait_until

pytestmark = pytest.mark.postgres


@pytest.mark.parametrize(("fault", "is_written"), [("cut before commit", False), ("cut after commit", True)])
def test_an_outcome_lost_at_the_commit_is_found_out_and_nothing_is_written_twice(
    postgres_system: PostgresSystem, fault: Fault, is_written: bool
) -> None:
    system = postgres_system
    system.put("a", qty=1)
    batch = batch_for(system, update("a", qty=(1, 2)), update("b", qty=(1, 2)))
    with proxied(system.dsn) as (proxy, address), opened(system, address) as target:
        proxy.fault = fault
        with pytest.raises(OutcomeUnknownError, match="has to be asked"):
            target.write(batch)
        assert proxy.struck.is_set()
        outcome = target.cancel(batch.token)
        assert outcome == (Written((LeftOut(1, None, "the row is gone"),)) if is_written else None)
        assert system.versions() == {"a": 2 if is_written else 1}
        if is_written:
            assert target.write(batch) == outcome
        else:
            with pytest.raises(UnreachableError, match="was cancelled"):
                target.write(batch)
        assert system.versions() == {"a": 2 if is_written else 1}


def test_a_server_that_is_not_there_is_unreachable_and_a_wrong_address_is_said(postgres_system: PostgresSystem) -> None:
    batch = batch_for(postgres_system, update("a", qty=(1, 2)))
    with opened(postgres_system, "postgresql://someone:hidden@127.0.0.1:1/none") as target:
        calls: list[Callable[[], object]] = [
            lambda: target.write(batch),
            lambda: target.cancel(batch.token),
            lambda: target.unknown([batch.token]),
            lambda: target.read(batch.table, ("qty",)),
            lambda: target.check(batch.table, ("qty",)),
        ]
        for call in calls:
            with pytest.raises(UnreachableError) as told:
                call()
            assert "hidden" not in str(told.value)
            assert "\n" not in str(told.value)
    with opened(postgres_system, "no address") as target, pytest.raises(UsageError, match="is no PostgreSQL address"):
        target.read(batch.table, ("qty",))


def test_a_link_lost_before_the_commit_was_sent_has_written_nothing(
    postgres_system: PostgresSystem, monkeypatch: pytest.MonkeyPatch
) -> None:
    system = postgres_system
    system.put("a", qty=1)
    batch = batch_for(system, update("a", qty=(1, 2)))
    with proxied(system.dsn) as (proxy, address), opened(system, address) as target:
        monkeypatch.setattr(
            postgres_writing, "crash_point", lambda point: proxy.cut() if point == "target.written" else None
        )
        with pytest.raises(UnreachableError) as told:
            target.write(batch)
        # The server may get the COMMIT no more, but the adapter had begun to send it.
        assert isinstance(told.value, OutcomeUnknownError)
        monkeypatch.undo()
        assert target.cancel(batch.token) is None
    assert system.versions() == {"a": 1}


def test_a_backend_that_is_ended_meanwhile_has_written_nothing(
    postgres_system: PostgresSystem, monkeypatch: pytest.MonkeyPatch
) -> None:
    system = postgres_system
    system.put("a", qty=1)
    batch = batch_for(system, update("a", qty=(1, 2)))

    def end_it(point: str) -> None:
        if point == "target.staged":
            system.execute(
                "SELECT pg_terminate_backend(pid, 10000) FROM pg_locks "
                f"WHERE relation = '{system.table.full_name}'::regclass AND pid <> pg_backend_pid()"
            )

    with opened(system) as target:
        monkeypatch.setattr(postgres_writing, "crash_point", end_it)
        with pytest.raises(UnreachableError) as told:
            target.write(batch)
        assert not isinstance(told.value, OutcomeUnknownError)
        monkeypatch.undo()
        assert (system.versions(), system.receipts()) == ({"a": 1}, [])
        assert target.write(batch) == Written()


def test_a_database_that_is_read_only_is_unreachable(postgres_system: PostgresSystem) -> None:
    system = postgres_system
    system.put("a", qty=1)
    batch = batch_for(system, update("a", qty=(1, 2)))
    read_only = conninfo.make_conninfo(system.dsn, options="-c default_transaction_read_only=on")
    with opened(system, read_only) as target:
        calls: list[Callable[[], object]] = [lambda: target.write(batch), lambda: target.cancel(batch.token)]
        for call in calls:
            with pytest.raises(UnreachableError, match="is read-only"):
                call()
        assert target.read(system.table, ("qty",))["qty"].to_pylist() == [1]
    with opened(system) as target:
        assert target.write(batch) == Written()


def test_a_transaction_past_its_deadline_is_ended_by_the_server_while_its_writer_stands_still(
    postgres_system: PostgresSystem, monkeypatch: pytest.MonkeyPatch
) -> None:
    system = postgres_system
    system.put("a", qty=1)
    batch = batch_for(system, update("a", qty=(1, 2)), seconds=3)

    def stand_still(point: str) -> None:
        if point == "target.written":  # all but the commit is done
            wait_until(lambda: now_utc() > batch.deadline_at, "the deadline")

    monkeypatch.setattr(postgres_writing, "crash_point", stand_still)
    with opened(system) as target:
        with pytest.raises(UnreachableError):
            target.write(batch)
        assert target.cancel(batch.token) is None
    assert system.versions() == {"a": 1}


def test_a_rule_that_takes_longer_than_the_deadline_never_commits(postgres_system: PostgresSystem) -> None:
    system = postgres_system
    name = system.table.system
    system.put("a", qty=1)
    system.execute(
        f"CREATE FUNCTION {name}.slow() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN PERFORM pg_sleep(60); RETURN NEW; END $$;"
        f"CREATE TRIGGER slow BEFORE UPDATE ON {name}.article FOR EACH ROW EXECUTE FUNCTION {name}.slow()"
    )
    batch = batch_for(system, update("a", qty=(1, 2)), seconds=2)
    with opened(system) as target:
        with pytest.raises(UnreachableError, match="deadline"):
            target.write(batch)
        assert now_utc() < batch.deadline_at + timedelta(seconds=20)
        assert target.cancel(batch.token) is None
    assert system.versions() == {"a": 1}


def test_a_server_that_stands_still_is_given_up_after_the_deadline(
    postgres_system: PostgresSystem, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres, "LAST_ANSWER_S", 0.2)
    system = postgres_system
    system.put("a", qty=1)
    with proxied(system.dsn) as (proxy, address), opened(system, address) as target:
        target.check(system.table, ())
        batch = batch_for(system, update("a", qty=(1, 2)), seconds=2)
        proxy.fault = "hold"
        with pytest.raises(UnreachableError):
            target.write(batch)
        assert proxy.struck.is_set()
        proxy.fault = "none"
        assert target.cancel(batch.token) is None
    assert system.versions() == {"a": 1}


def test_reading_from_a_server_that_stands_still_is_given_up(
    postgres_system: PostgresSystem, monkeypatch: pytest.MonkeyPatch
) -> None:
    system = postgres_system
    with proxied(system.dsn) as (proxy, address), opened(system, address) as target:
        target.read(system.table, ("qty",))
        monkeypatch.setattr(postgres, "READ_MOST_S", 0.3)
        proxy.fault = "hold"
        with pytest.raises(UnreachableError):
            target.read(system.table, ("qty",))


def test_a_server_too_slow_to_keep_a_deadline_is_not_written_to(
    postgres_system: PostgresSystem, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres_writing, "MARGIN_S", 0.0)
    system = postgres_system
    with opened(system) as target, pytest.raises(UnreachableError, match="too slowly"):
        target.write(batch_for(system, insert("a", qty=1)))
    assert system.rows() == {}
