"""A PostgreSQL that goes away, is locked, slow or refuses: what is written, what is told, and never twice."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from decimal import Decimal
from uuid import uuid4

import psycopg
import pytest
from psycopg import conninfo

from schemas.errors import OutcomeUnknownError, OutsideError, RecordRefusedError, UnreachableError, UsageError
from schemas.gearbox_ledger import Op
from sinks.records.targets import postgres, postgres_writing
from sinks.records.targets.clock import now_utc
from sinks.records.targets.postgres import PostgresTarget
from sinks.records.targets.target import LeftOut, Written
from tests.integration.records.targets.proxy import Fault, proxied
from tests.integration.records.targets.systems_under_test import (
    PostgresSystem,
    batch_for,
    delete,
    insert,
    update,
)

pytestmark = pytest.mark.postgres

PATIENCE_S = 60.0
DELETE_ONLY: Sequence[Op] = ("delete",)
UPDATE_ONLY: Sequence[Op] = ("update",)


def wait_until(holds: Callable[[], bool], what: str) -> None:
    end_s = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < end_s, what
        time.sleep(0.01)


def waits_for_a_lock(system: PostgresSystem) -> bool:
    return bool(
        system.execute(
            "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE %s",
            f"%{system.table.system}%",
        )
    )


@contextmanager
def opened(system: PostgresSystem, dsn: str | None = None) -> Iterator[PostgresTarget]:
    target = PostgresTarget(system.table.system, dsn or system.dsn)
    try:
        yield target
    finally:
        target.close()


@contextmanager
def transaction(system: PostgresSystem, statement: str) -> Iterator[psycopg.Connection]:
    """Somebody else's transaction, open as long as it is entered; rolled back."""
    with psycopg.connect(system.dsn) as connection:
        connection.execute(statement.encode())
        yield connection
        connection.rollback()


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


def test_a_locked_table_is_waited_for_a_while_and_then_told(
    postgres_system: PostgresSystem, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres_writing, "LOCK_WAIT_S", 0.2)
    system = postgres_system
    system.put("a", qty=1)
    batch = batch_for(system, update("a", qty=(1, 2)))
    with opened(system) as target:
        with (
            transaction(system, f"LOCK TABLE {system.table.full_name}"),
            pytest.raises(UnreachableError, match="is locked by somebody else"),
        ):
            target.write(batch)
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


def test_two_writers_of_the_same_token_write_once(
    postgres_system: PostgresSystem, monkeypatch: pytest.MonkeyPatch
) -> None:
    system = postgres_system
    system.put("a", qty=1)
    batch = batch_for(system, update("a", qty=(1, 2)), insert("b", note=" x "))
    first = threading.Event()

    def wait_for_the_other(point: str) -> None:
        if point == "target.staged" and not first.is_set():
            first.set()
            wait_until(lambda: waits_for_a_lock(system), "the other one waits")

    def write() -> Written:
        with opened(system) as target:
            return target.write(batch)

    monkeypatch.setattr(postgres_writing, "crash_point", wait_for_the_other)
    with ThreadPoolExecutor(2) as pool:
        outcomes = [future.result(PATIENCE_S) for future in (pool.submit(write), pool.submit(write))]
    assert outcomes[0] == outcomes[1] == Written((), {(1, "note"): "x"})
    assert system.versions() == {"a": 2, "b": 1}


@pytest.mark.parametrize("commits", [True, False])
def test_cancel_waits_for_a_writer_and_tells_what_became_of_it(
    postgres_system: PostgresSystem, monkeypatch: pytest.MonkeyPatch, commits: bool
) -> None:
    system = postgres_system
    system.put("a", qty=1)
    batch = batch_for(system, update("a", qty=(1, 2)))
    is_written = threading.Event()

    def stay(point: str) -> None:
        if point == "target.written":
            is_written.set()
            wait_until(lambda: waits_for_a_lock(system), "cancel waits")
            if not commits:
                raise UnreachableError("as the test ordered")

    def write() -> Written:
        with opened(system) as target:
            return target.write(batch)

    monkeypatch.setattr(postgres_writing, "crash_point", stay)
    with ThreadPoolExecutor(1) as pool, opened(system) as other:
        writing = pool.submit(write)
        assert is_written.wait(PATIENCE_S)
        assert other.cancel(batch.token) == (Written() if commits else None)
        assert (writing.exception(PATIENCE_S) is None) == commits
    assert system.versions() == {"a": 2 if commits else 1}


def test_batches_over_the_same_rows_in_other_order_do_not_wait_for_each_other_in_a_ring(
    postgres_system: PostgresSystem,
) -> None:
    system = postgres_system
    names = [f"a{number:03}" for number in range(100)]
    with opened(system) as target:
        target.write(batch_for(system, *(insert(name, qty=0, price=None) for name in names)))

    def write(rows: list[str]) -> list[Written]:
        with opened(system) as target:
            return [
                target.write(
                    batch_for(
                        system, *(update(name, qty=(0, 0)) for name in rows), *(insert(f"b{name}") for name in rows)
                    )
                )
                for _ in range(10)
            ]

    with ThreadPoolExecutor(2) as pool:
        both = [pool.submit(write, names), pool.submit(write, names[::-1])]
        outcomes = [written for future in both for written in future.result(PATIENCE_S)]
    assert {item.reason for written in outcomes for item in written.left_out} == {"the row is there already"}
    assert sum(len(written.left_out) for written in outcomes) == 19 * len(names)
    assert {system.versions()[name] for name in names} == {21}


def test_rows_are_locked_and_added_in_the_order_of_their_keys_whatever_their_order_in_the_batch(
    postgres_system: PostgresSystem, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres_writing, "LOCK_WAIT_S", 60)
    system, place = postgres_system, postgres_system.table.full_name
    for name in "amz":
        system.put(name, qty=1)
    free = f"SELECT article FROM {place} ORDER BY article FOR UPDATE SKIP LOCKED"
    added = f"INSERT INTO {place} (article, day) SELECT letter, '2026-05-01' FROM unnest(%s::text[]) AS letter"
    changes = batch_for(system, *(update(name, qty=(1, 2)) for name in "zma"))
    additions = batch_for(system, *(insert(name, qty=1) for name in "ynb"))
    with opened(system) as target, ThreadPoolExecutor(1) as pool:
        with transaction(system, f"SELECT 1 FROM {place} WHERE article = 'm' FOR UPDATE"):
            writing = pool.submit(target.write, changes)
            wait_until(lambda: waits_for_a_lock(system), "the writer waits")
            assert [row["article"] for row in system.execute(free)] == ["z"]
        assert writing.result(PATIENCE_S) == Written()
        with transaction(system, f"INSERT INTO {place} (article, day) VALUES ('n', '2026-05-01')"):
            writing = pool.submit(target.write, additions)
            wait_until(lambda: waits_for_a_lock(system), "the writer waits")
            with psycopg.connect(system.dsn) as other:
                other.execute("SET lock_timeout = 200")
                other.execute(added.encode(), [["y"]])
                with pytest.raises(psycopg.errors.LockNotAvailable):
                    other.execute(added.encode(), [["b"]])
                other.rollback()
        assert writing.result(PATIENCE_S) == Written()


def test_a_row_that_somebody_adds_meanwhile_is_left_alone(
    postgres_system: PostgresSystem, monkeypatch: pytest.MonkeyPatch
) -> None:
    system = postgres_system
    monkeypatch.setattr(
        postgres_writing, "crash_point", lambda point: system.put("a", qty=7) if point == "target.checked" else None
    )
    with opened(system) as target:
        written = target.write(batch_for(system, insert("a", qty=1)))
    assert written == Written((LeftOut(0, None, "the row is there already"),))
    assert system.rows()["a"]["qty"] == 7


def test_a_value_that_changes_while_the_lock_is_waited_for_is_not_overwritten(postgres_system: PostgresSystem) -> None:
    system = postgres_system
    system.put("a", qty=1, note="x")
    with opened(system) as target, ThreadPoolExecutor(1) as pool:
        with psycopg.connect(system.dsn) as theirs:
            theirs.execute(f"UPDATE {system.table.full_name} SET qty = 5".encode())
            writing = pool.submit(target.write, batch_for(system, update("a", qty=(1, 2), note=("x", "y"))))
            wait_until(lambda: waits_for_a_lock(system), "the writer waits")
            theirs.commit()
        assert writing.result(PATIENCE_S) == Written((LeftOut(0, "qty", "holds 5, 1 was planned upon"),))
    assert (system.rows()["a"]["qty"], system.rows()["a"]["note"]) == (5, "y")


def test_rows_that_a_rule_lets_fall_or_keeps_are_left_out(postgres_system: PostgresSystem) -> None:
    system = postgres_system
    name = system.table.system
    system.put("kept", qty=1)
    system.execute(
        f"CREATE FUNCTION {name}.nothing() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$;"
        f"CREATE TRIGGER nothing BEFORE INSERT OR DELETE ON {name}.article"
        f" FOR EACH ROW EXECUTE FUNCTION {name}.nothing()"
    )
    with opened(system) as target:
        written = target.write(batch_for(system, insert("fallen", qty=1), delete("kept", qty=1)))
    assert sorted(item.reason for item in written.left_out) == [
        "a rule of the record system's own keeps the row",
        "a rule of the record system's own let the row fall",
    ]
    assert list(system.rows()) == ["kept"]


def test_what_a_rule_does_after_the_statement_or_at_the_commit_is_told(postgres_system: PostgresSystem) -> None:
    system = postgres_system
    name = system.table.system
    system.put("a", qty=1)
    system.execute(
        f"CREATE FUNCTION {name}.later() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
        f" IF NEW.qty < 100 THEN UPDATE {name}.article SET qty = 100 WHERE article = NEW.article; END IF;"
        " RETURN NULL; END $$;"
        f"CREATE CONSTRAINT TRIGGER later AFTER UPDATE ON {name}.article DEFERRABLE INITIALLY DEFERRED"
        f" FOR EACH ROW EXECUTE FUNCTION {name}.later()"
    )
    with opened(system) as target:
        assert target.write(batch_for(system, update("a", qty=(1, 2)))) == Written((), {(0, "qty"): 100})


def test_a_value_that_the_column_rounds_is_told_as_stored(postgres_system: PostgresSystem) -> None:
    postgres_system.put("a", qty=1)
    with opened(postgres_system) as target:
        written = target.write(batch_for(postgres_system, update("a", price=(None, Decimal("1.005")))))
    assert written == Written((), {(0, "price"): Decimal("1.01")})


@pytest.mark.parametrize(
    ("rule", "told"),
    [
        ("ALTER TABLE {0}.article ALTER note SET NOT NULL", "NotNullViolation of note"),
        ("CREATE UNIQUE INDEX one_qty ON {0}.article (qty)", "UniqueViolation of one_qty"),
        ("ALTER TABLE {0}.article ALTER note TYPE varchar(3)", "StringDataRightTruncation"),
    ],
)
def test_what_the_database_refuses_is_told_by_its_name_without_the_value(
    postgres_system: PostgresSystem, rule: str, told: str
) -> None:
    system = postgres_system
    system.put("a", qty=1, note="x")
    system.put("b", qty=2, note="x")
    system.execute(rule.format(system.table.system))
    bad = update("a", qty=(1, 2), price=(None, None), note=("x", None if "NULL" in rule else "secret"))
    with opened(system) as target:
        with pytest.raises(RecordRefusedError, match=told) as refused:
            target.write(batch_for(system, bad))
        assert "secret" not in str(refused.value)
    assert system.versions() == {"a": 1, "b": 1}


def test_a_column_that_is_gone_is_no_row_s_fault_and_nothing_is_written(postgres_system: PostgresSystem) -> None:
    system = postgres_system
    system.put("a", qty=1, note="x")
    system.execute(f"ALTER TABLE {system.table.system}.article DROP COLUMN price")
    sound, lacking = insert("b", qty=1), update("a", qty=(1, 2), price=(None, Decimal("3.50")), note=("x", "secret"))
    with opened(system) as target:
        with pytest.raises(OutsideError, match=r"price does not exist \(SQLSTATE 42703\)") as told:
            target.write(batch_for(system, sound, lacking))
        assert not isinstance(told.value, RecordRefusedError)
        assert [value for value in ("secret", "3.50") if value in str(told.value)] == []
    kept = system.execute(f"SELECT qty, note, row_version FROM {system.table.full_name}")
    assert kept == [{"qty": 1, "note": "x", "row_version": 1}]


@pytest.fixture
def poor_role(postgres_system: PostgresSystem) -> Iterator[str]:
    """Address of a role that may look at the schema, and nothing else."""
    name = f"it_{uuid4().hex[:12]}"
    postgres_system.execute(
        f"CREATE ROLE {name} LOGIN PASSWORD 'x'; GRANT USAGE ON SCHEMA {postgres_system.table.system} TO {name}"
    )
    yield conninfo.make_conninfo(postgres_system.dsn, user=name, password="x")
    postgres_system.execute(f"DROP OWNED BY {name}; DROP ROLE {name}")


def test_each_missing_right_is_a_sentence_and_rights_on_fields_are_enough(
    postgres_system: PostgresSystem, poor_role: str
) -> None:
    system = postgres_system
    table, role = system.table, conninfo.conninfo_to_dict(poor_role)["user"]
    place, receipts = table.full_name, f"{table.system}.gearbox_receipt"
    with opened(system, poor_role) as target:
        found = target.check(table, ("qty",), UPDATE_ONLY)
        assert found == [
            f"There is no right to SELECT {place}.article.",
            f"There is no right to SELECT {place}.day.",
            f"There is no right to SELECT {place}.qty.",
            f"There is no right to UPDATE {place}.qty.",
            f"There is no right to SELECT {place}.row_version.",
            f"There is no right to SELECT {receipts}.",
            f"There is no right to INSERT {receipts}.",
            f"There is no right to UPDATE {receipts}.",
        ]
        with pytest.raises(OutsideError, match="permission denied"):
            target.read(table, ("qty",))
        with pytest.raises(OutsideError, match="permission denied"):
            target.write(batch_for(system, update("a", qty=(1, 2))))
        system.execute(
            f"GRANT SELECT, UPDATE (qty) ON {place} TO {role};"
            f"GRANT SELECT, INSERT, UPDATE (outcome) ON {receipts} TO {role}"
        )
        system.put("a", qty=1)
        assert target.check(table, ("qty",), UPDATE_ONLY) == []
        assert target.write(batch_for(system, update("a", qty=(1, 2)))) == Written()
        assert f"There is no right to INSERT {place}.qty." in target.check(table, ("qty",))
        assert target.check(table, ("qty",), DELETE_ONLY) == [f"There is no right to DELETE of {place}."]
    system.execute(f"REVOKE USAGE ON SCHEMA {table.system} FROM {role}")
    with opened(system, poor_role) as target:
        assert f"There is no right to use schema {table.system}." in target.check(table, ("qty",))


def test_a_missing_key_and_missing_receipts_are_sentences(postgres_system: PostgresSystem) -> None:
    system = postgres_system
    place = system.table.full_name
    system.execute(
        f"ALTER TABLE {place} DROP CONSTRAINT article_pkey; DROP TABLE {system.table.system}.gearbox_receipt"
    )
    with opened(system) as target:
        assert target.check(system.table, ("qty",)) == [
            f"The primary key of {place} is not article, day.",
            f"There is no table {system.table.system}.gearbox_receipt.",
        ]
