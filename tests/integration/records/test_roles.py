"""What the gearbox's roles may, and above all what they may not, tried as each of them."""

from __future__ import annotations

import psycopg
import pytest
from psycopg import errors

from schemas.gearbox_ledger import APPEND_ONLY, UPDATABLE
from schemas.gearbox_ledger import TABLES as LEDGER_TABLES
from schemas.record_receipts import RECEIPT_TABLE
from schemas.records import SYSTEMS, TABLES
from sinks.records import seeding
from sinks.records.gear.systems import ledger_address, system_address
from sinks.records.roles import DELETABLE

pytestmark = pytest.mark.postgres

SYSTEM_TABLES = {system: [table for table in TABLES if table.system == system] for system in SYSTEMS}


def runs(dsn: str, statement: str) -> None:
    with psycopg.connect(dsn) as connection:
        connection.execute(statement.encode())
        connection.rollback()


def is_refused(dsn: str, statement: str) -> bool:
    """Whether PostgreSQL refuses it for want of a right, and not for another reason."""
    try:
        runs(dsn, statement)
    except errors.InsufficientPrivilege:
        return True
    return False


@pytest.mark.parametrize("system", SYSTEMS)
def test_a_systems_role_reads_adds_and_changes_all_of_its_own_system(records_dsn: str, system: str) -> None:
    own = system_address({}, records_dsn, system)
    for table in SYSTEM_TABLES[system]:
        column = table.column_names[-1]
        runs(own, f"SELECT * FROM {table.full_name}")
        runs(own, f'UPDATE {table.full_name} SET "{column}" = "{column}" WHERE false')
        runs(own, f"INSERT INTO {table.full_name} SELECT * FROM {table.full_name} WHERE false")
    runs(own, f"INSERT INTO {system}.{RECEIPT_TABLE} (token, is_cancelled) VALUES (gen_random_uuid(), true)")


@pytest.mark.parametrize("system", SYSTEMS)
def test_a_systems_role_deletes_only_where_a_flow_may(records_dsn: str, system: str) -> None:
    own = system_address({}, records_dsn, system)
    deletable = {
        table.name
        for table in SYSTEM_TABLES[system]
        if not is_refused(own, f"DELETE FROM {table.full_name} WHERE false")
    }
    assert deletable == set(DELETABLE.get(system, ()))
    assert all(is_refused(own, f"TRUNCATE {table.full_name}") for table in SYSTEM_TABLES[system])


@pytest.mark.parametrize("system", SYSTEMS)
def test_a_systems_role_neither_takes_back_nor_empties_its_receipts(records_dsn: str, system: str) -> None:
    own = system_address({}, records_dsn, system)
    receipts = f"{system}.{RECEIPT_TABLE}"
    for statement in (f"UPDATE {receipts} SET is_cancelled = false", f"DELETE FROM {receipts}", f"TRUNCATE {receipts}"):
        assert is_refused(own, statement), statement


@pytest.mark.parametrize("system", SYSTEMS)
def test_a_systems_role_touches_no_other_schema(records_dsn: str, system: str) -> None:
    own = system_address({}, records_dsn, system)
    others = [table.full_name for table in TABLES if table.system != system]
    others += [f"{other}.{RECEIPT_TABLE}" for other in SYSTEMS if other != system]
    others += [f"gearbox.{name}" for name in LEDGER_TABLES]
    others += ["reference.outbox", "reference.identity"]
    assert [name for name in others if not is_refused(own, f"SELECT FROM {name}")] == []
    assert [name for name in others if not is_refused(own, f"DELETE FROM {name}")] == []
    for statement in (
        f"CREATE TABLE {system}.more ()",
        "CREATE TABLE public.more ()",
        "CREATE SCHEMA more",
        "CREATE ROLE more",
        f"ALTER TABLE {SYSTEM_TABLES[system][0].full_name} DISABLE TRIGGER ALL",
        f"DROP FUNCTION {system}.next_row_version CASCADE",
    ):
        assert is_refused(own, statement), statement


def test_a_change_of_a_told_row_reaches_the_outbox_that_the_role_may_not_see(records_dsn: str) -> None:
    with psycopg.connect(records_dsn, autocommit=True) as owner:
        owner.execute("DELETE FROM reference.outbox")
        with psycopg.connect(system_address({}, records_dsn, "crm")) as crm:
            crm.execute("UPDATE crm.customer SET language = 'xx' WHERE customer_id = 'cu-1'")
        assert owner.execute("SELECT count(DISTINCT device_id) FROM reference.outbox").fetchone() == (2,)


A_CHANGE_SET = """
INSERT INTO gearbox.change_set (kind, flow, flow_version, lake_snapshot, system, target_table, target_rows, changes,
  changed_rows, missing_rows, missing_keys, content_hash, status, planned_by, planned_at, expires_at)
VALUES ('plan', 'f', '1', 1, 'erp', 'erp.material', 1, 1, 1, 0, '{}', 'h', 'open', 'p', now(), now())
"""
A_CHANGE = """
INSERT INTO gearbox.change
SELECT change_set_id, 1, 'update', '{}', 'f', '1', '2', 1, '{}', '{}', 'go', '', NULL FROM gearbox.change_set
"""
AN_AUDIT_ROW = "INSERT INTO gearbox.audit (audit_no, at, event, who, hash) VALUES (1, now(), 'planned', 'p', '')"


@pytest.fixture
def ledger(records_dsn: str) -> str:
    """The ledger as its own role, with one row in the tables that an attack would be about."""
    address = ledger_address({}, records_dsn)
    with psycopg.connect(address) as connection:
        for statement in (A_CHANGE_SET, A_CHANGE, AN_AUDIT_ROW):
            connection.execute(statement)
    return address


def test_the_ledgers_role_rewrites_neither_audit_nor_change_nor_approval(ledger: str) -> None:
    columns = {"audit": "who", "change": "after", "approval": "person", "checkpoint": "signature"}
    for table, column in columns.items():
        for statement in (
            f"UPDATE gearbox.{table} SET {column} = {column}",
            f"DELETE FROM gearbox.{table}",
            f"TRUNCATE gearbox.{table} CASCADE",
        ):
            assert is_refused(ledger, statement), statement
    for statement in (
        "ALTER TABLE gearbox.audit DISABLE TRIGGER ALL",
        "DROP TRIGGER append_only ON gearbox.audit",
        "ALTER FUNCTION gearbox.refuse_rewrite() RENAME TO allow_rewrite",
        "DROP TABLE gearbox.audit",
    ):
        assert is_refused(ledger, statement), statement


def test_the_ledgers_role_changes_the_named_columns_and_no_other(records_dsn: str, ledger: str) -> None:
    with psycopg.connect(records_dsn) as owner:
        held = owner.execute(
            "SELECT table_name, column_name FROM information_schema.columns "
            "WHERE table_schema = 'gearbox' AND is_identity = 'NO'"
        ).fetchall()
    changeable = {
        (table, column)
        for table, column in held
        if not is_refused(ledger, f'UPDATE gearbox.{table} SET "{column}" = "{column}" WHERE false')
    }
    assert changeable == {(table, column) for table, columns in UPDATABLE.items() for column in columns}
    assert all(is_refused(ledger, f"DELETE FROM gearbox.{name}") for name in LEDGER_TABLES)


def test_the_ledgers_role_sees_no_record_system(ledger: str) -> None:
    assert [table.full_name for table in TABLES if not is_refused(ledger, f"SELECT FROM {table.full_name}")] == []
    assert is_refused(ledger, "SELECT FROM reference.outbox")


@pytest.mark.parametrize("table", APPEND_ONLY)
def test_not_even_the_owner_rewrites_what_only_grows(records_dsn: str, ledger: str, table: str) -> None:
    for statement in (f"DELETE FROM gearbox.{table}", f"TRUNCATE gearbox.{table} CASCADE"):
        with pytest.raises(errors.RaiseException, match=f"gearbox.{table} is append-only"):
            runs(records_dsn, statement)


def test_rights_that_a_role_got_meanwhile_are_taken_again(records_dsn: str) -> None:
    with psycopg.connect(records_dsn, autocommit=True) as owner:
        owner.execute("GRANT USAGE ON SCHEMA gearbox, crm TO vaxel_erp")
        owner.execute("GRANT ALL ON gearbox.audit, crm.customer, erp.material TO vaxel_erp")
    seeding.set_up(records_dsn)
    own = system_address({}, records_dsn, "erp")
    for name in ("gearbox.audit", "crm.customer"):
        assert is_refused(own, f"SELECT FROM {name}")
    assert is_refused(own, "DELETE FROM erp.material")
