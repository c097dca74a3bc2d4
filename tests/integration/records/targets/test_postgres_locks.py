"""Several at work in the same rows of a PostgreSQL: who waits for whom, and nothing is overwritten or written twice."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest

from schemas.errors import UnreachableError
from sinks.records.targets import postgres_writing
from sinks.records.targets.target import LeftOut, Written
from tests.integration.records.targets.systems_under_test import PostgresSystem, batch_for, insert, update
from tests.integration.records.targets.working import PATIENCE_S, opened, transaction, wait_until, waits_for_a_lock

pytestmark = pytest.mark.postgres


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
