"""The audit is appended to without gaps, by a role that can do nothing else to it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import psycopg
import pytest
from psycopg import errors

from schemas.gearbox_ledger import APPEND_ONLY, UPDATABLE, ddl
from sinks.records.database import session
from sinks.records.gear import audit
from sinks.records.gear.audit_check import AuditReport, check_audit
from sinks.records.gear.chain import GENESIS, AuditRow, row_hash
from sinks.records.gear.checkpoints import lines, write_checkpoint
from sinks.records.gear.systems import ledger_address
from tests.integration.records.gear.conftest import Ledger
from tests.integration.records.gear.story import KEYS, LATER, SIGNER, database
from tests.integration.records.gear.telling import NOW

pytestmark = pytest.mark.postgres


@pytest.fixture(scope="module")
def kept(postgres_dsn: str, ledger_role: str) -> Iterator[Ledger]:
    """An empty ledger of all tests that change nothing."""
    with database(postgres_dsn) as owner:
        with psycopg.connect(owner, autocommit=True) as connection:
            connection.execute(ddl().encode())
        yield Ledger(owner, ledger_address({}, owner))


@pytest.mark.parametrize("table", [*APPEND_ONLY, "person", "chunk", "change_set", "freeze"])
@pytest.mark.parametrize("verb", ["DELETE FROM", "TRUNCATE"])
def test_the_ledger_s_role_deletes_nothing(kept: Ledger, table: str, verb: str) -> None:
    with psycopg.connect(kept.dsn) as connection, pytest.raises(errors.InsufficientPrivilege):
        connection.execute(f"{verb} gearbox.{table}".encode())


@pytest.mark.parametrize("column", audit.COLUMNS)
def test_the_ledger_s_role_updates_no_column_of_the_audit(kept: Ledger, column: str) -> None:
    with psycopg.connect(kept.dsn) as connection, pytest.raises(errors.InsufficientPrivilege):
        connection.execute(f"UPDATE gearbox.audit SET {column} = {column}".encode())


def test_the_ledger_s_role_may_neither_switch_triggers_off_nor_touch_what_is_appended(kept: Ledger) -> None:
    assert not set(UPDATABLE) & set(APPEND_ONLY)
    with psycopg.connect(kept.dsn, autocommit=True) as connection:
        for statement in ("SET session_replication_role = replica", "DROP TRIGGER append_only ON gearbox.audit"):
            with pytest.raises(errors.InsufficientPrivilege):
                connection.execute(statement.encode())


@pytest.mark.parametrize("table", APPEND_ONLY)
@pytest.mark.parametrize("statement", ["DELETE FROM gearbox.{}", "TRUNCATE gearbox.{} CASCADE"])
def test_the_owner_is_refused_while_triggers_are_on(kept: Ledger, table: str, statement: str) -> None:
    with psycopg.connect(kept.owner) as connection, pytest.raises(errors.RaiseException, match="append-only"):
        connection.execute(statement.format(table).encode())


ROW = AuditRow("closed", "gearbox", detail='{"system":"crm"}')


def append(dsn: str, rows: list[AuditRow], at: datetime = NOW) -> tuple[int, bytes]:
    with session(dsn) as connection, connection.transaction():
        return audit.append(connection, rows, at)


def test_the_first_row_follows_the_beginning_and_the_next_one_it(ledger: Ledger) -> None:
    assert append(ledger.dsn, []) == (0, GENESIS)
    first = row_hash(GENESIS, 1, NOW, ROW)
    assert append(ledger.dsn, [ROW]) == (1, first)
    assert append(ledger.dsn, [ROW, ROW]) == (3, row_hash(row_hash(first, 2, NOW, ROW), 3, NOW, ROW))


def test_time_never_goes_back(ledger: Ledger) -> None:
    append(ledger.dsn, [ROW], LATER)
    append(ledger.dsn, [ROW], NOW)
    with session(ledger.dsn) as connection:
        assert audit.head(connection).at == LATER
    assert check_audit(ledger.dsn, KEYS, []).faults == []


def test_what_is_rolled_back_leaves_no_gap(ledger: Ledger) -> None:
    append(ledger.dsn, [ROW])
    with session(ledger.dsn) as connection, connection.transaction(force_rollback=True):
        audit.append(connection, [ROW, ROW], NOW)
    assert append(ledger.dsn, [ROW])[0] == 2
    assert check_audit(ledger.dsn, KEYS, []).faults == []


def test_many_who_append_at_once_make_one_chain(ledger: Ledger) -> None:
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda size: append(ledger.dsn, [ROW] * size), range(1, 21)))
    assert check_audit(ledger.dsn, KEYS, []) == AuditReport(210, 0, 0, [])


def test_any_text_goes_through_the_ledger_unchanged(ledger: Ledger) -> None:
    odd = AuditRow("closed", 'Åsa "\\\t\n\x01 \u2028 😀', -1, 2**62, "", "\\N", "\\.", "\r", "'", ",", "{}", "\x7f")
    append(ledger.dsn, [odd])
    assert check_audit(ledger.dsn, KEYS, []).faults == []


def test_an_empty_audit_has_nothing_to_sign_and_no_fault(ledger: Ledger, tmp_path: Path) -> None:
    with session(ledger.dsn) as connection:
        assert write_checkpoint(connection, SIGNER, NOW, tmp_path / "file") is None
    assert check_audit(ledger.dsn, KEYS, []) == AuditReport(0, 0, 0, [])


def test_a_head_is_signed_once_and_what_the_file_lacks_is_written_to_it(ledger: Ledger, tmp_path: Path) -> None:
    file = tmp_path / "audit" / "checkpoints.jsonl"
    append(ledger.dsn, [ROW])
    with session(ledger.dsn) as connection:
        first = write_checkpoint(connection, SIGNER, NOW, file)
        whole = file.read_bytes()
        assert write_checkpoint(connection, SIGNER, LATER, file) == first
        assert file.read_bytes() == whole
        file.write_bytes(whole[:-20])  # as a crash leaves it
        assert lines(file) == []
        write_checkpoint(connection, SIGNER, LATER, file)
    assert file.read_bytes() == whole


def test_a_forged_checkpoint_of_the_ledger_is_not_carried_into_the_file(ledger: Ledger, tmp_path: Path) -> None:
    append(ledger.dsn, [ROW])
    with session(ledger.owner) as connection:
        connection.execute(
            "INSERT INTO gearbox.checkpoint SELECT audit_no, hash, at, %s, '\\x00' FROM gearbox.audit", [SIGNER.key_id]
        )
        write_checkpoint(connection, SIGNER, NOW, tmp_path / "file")
    assert lines(tmp_path / "file") == []


def test_100_000_rows_are_appended_fast(ledger: Ledger) -> None:
    rows = [replace(ROW, change_no=number) for number in range(5_000)]
    with session(ledger.dsn) as connection:
        started = time.process_time()
        for _ in range(20):
            with connection.transaction():
                audit.append(connection, rows, NOW)
        took_s = time.process_time() - started
    assert took_s < 5  # 1 s of an idle core, beside the server's work; a busy one is slower
