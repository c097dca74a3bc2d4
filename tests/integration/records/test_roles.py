"""What the gearbox's roles may, and above all what they may not, tried as each of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from psycopg import conninfo, errors

from schemas.errors import UsageError
from schemas.gearbox_ledger import APPEND_ONLY, LEDGER_ROLE, UPDATABLE
from schemas.gearbox_ledger import TABLES as LEDGER_TABLES
from schemas.record_receipts import RECEIPT_TABLE
from schemas.records import SYSTEMS, TABLES
from sinks.records import seeding
from sinks.records.database import session
from sinks.records.gear.systems import ledger_address, role_of, role_password, system_address
from sinks.records.roles import DELETABLE, ROLES, make_role, make_roles, variable_of
from tests.integration.records.conftest import DEVICES

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


@pytest.fixture
def spare_role(postgres_dsn: str) -> Iterator[str]:
    """The name of a role that is not there; gone afterwards."""
    role = f"it_{uuid4().hex}"
    yield role
    with psycopg.connect(postgres_dsn, autocommit=True) as connection:
        connection.execute(f"DROP ROLE IF EXISTS {role}".encode())


def as_role(dsn: str, role: str) -> str:
    return conninfo.make_conninfo(dsn, user=role, password=role_password(dsn, role))


def test_databases_of_one_server_make_a_role_at_once(fresh_database: Callable[[], str], spare_role: str) -> None:
    databases = [fresh_database() for _ in range(6)]

    def make(dsn: str) -> None:
        with session(dsn) as connection:
            make_role(connection, dsn, spare_role)

    with ThreadPoolExecutor(len(databases)) as pool:
        list(pool.map(make, databases))
    for dsn in databases:
        runs(as_role(dsn, spare_role), "SELECT 1")


def test_passwords_set_at_once_by_databases_of_one_server_all_hold(
    fresh_database: Callable[[], str], spare_role: str
) -> None:
    databases = [fresh_database() for _ in range(6)]
    with psycopg.connect(databases[0], autocommit=True) as owner:
        owner.execute(f"CREATE ROLE {spare_role} LOGIN PASSWORD 'another'".encode())

    def make(dsn: str) -> None:
        with session(dsn) as connection:
            make_role(connection, dsn, spare_role)

    with ThreadPoolExecutor(len(databases)) as pool:
        list(pool.map(make, databases))
    runs(as_role(databases[0], spare_role), "SELECT 1")


def test_a_role_whose_address_is_told_keeps_its_password(fresh_database: Callable[[], str], spare_role: str) -> None:
    dsn = fresh_database()
    theirs = conninfo.make_conninfo(dsn, user=spare_role, password="theirs")
    with session(dsn) as owner:
        owner.execute(f"CREATE ROLE {spare_role} LOGIN PASSWORD 'theirs'".encode())
        make_role(owner, dsn, spare_role, is_told=True)
        runs(theirs, "SELECT 1")
        make_role(owner, dsn, spare_role)
        with pytest.raises(psycopg.OperationalError):
            runs(theirs, "SELECT 1")


def test_a_role_that_may_too_much_is_refused(fresh_database: Callable[[], str], spare_role: str) -> None:
    dsn = fresh_database()
    with session(dsn) as owner:
        owner.execute(f"CREATE ROLE {spare_role} LOGIN CREATEDB".encode())
        with pytest.raises(UsageError, match=f"Role {spare_role} .* may more .* NOCREATEDB"):
            make_role(owner, dsn, spare_role)


def test_an_owner_who_may_make_roles_and_nothing_more_makes_them_and_changes_their_password(
    spare_role: str, fresh_database: Callable[[], str]
) -> None:
    dsn = fresh_database()
    maker = f"{spare_role}_maker"
    own = conninfo.make_conninfo(dsn, user=maker, password="first")
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(f"CREATE ROLE {maker} LOGIN CREATEROLE PASSWORD 'first'".encode())
        try:
            with session(own) as owner:
                make_role(owner, own, spare_role)
            runs(as_role(own, spare_role), "SELECT 1")
            connection.execute(f"ALTER ROLE {maker} PASSWORD 'second'".encode())
            later = conninfo.make_conninfo(own, password="second")
            with session(later) as owner:
                make_role(owner, later, spare_role)
            runs(as_role(later, spare_role), "SELECT 1")
        finally:
            connection.execute(f"DROP ROLE IF EXISTS {spare_role}".encode())
            connection.execute(f"DROP ROLE {maker}".encode())


def test_an_owner_who_is_no_superuser_sets_up_where_an_administrator_made_the_roles(
    spare_role: str, records_dsn: str, fresh_database: Callable[[], str]
) -> None:
    dsn = fresh_database()
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(f"CREATE ROLE {spare_role} LOGIN PASSWORD 'weak'".encode())
        name = conninfo.conninfo_to_dict(dsn)["dbname"]
        connection.execute(f'ALTER DATABASE "{name}" OWNER TO {spare_role}'.encode())
        connection.execute(f'REVOKE ALL ON DATABASE "{name}" FROM PUBLIC'.encode())
    told = {variable_of(role): "somewhere" for role in ROLES}
    weak = conninfo.make_conninfo(dsn, user=spare_role, password="weak")
    assert sum(seeding.seed(weak, DEVICES, environ=told).values()) > 0
    assert set(seeding.seed(weak, DEVICES, environ=told).values()) == {0}
    runs(system_address({}, dsn, "erp"), "CREATE TEMPORARY TABLE staged AS SELECT * FROM erp.material")
    assert is_refused(system_address({}, dsn, "erp"), "SELECT FROM crm.customer")


def test_an_owner_who_may_make_no_roles_is_told_what_to_do(fresh_database: Callable[[], str], spare_role: str) -> None:
    dsn = fresh_database()
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(f"CREATE ROLE {spare_role} LOGIN PASSWORD 'weak'".encode())
    weak = conninfo.make_conninfo(dsn, user=spare_role, password="weak")
    with session(weak) as connection, pytest.raises(UsageError) as told:
        make_role(connection, weak, "vaxel_never_made")
    said = str(told.value)
    assert f"{spare_role} may not make or change the role vaxel_never_made" in said
    assert "CREATEROLE" in said
    assert "VAXEL_RECORDS_NEVER_MADE" in said
    assert "\n" not in said
    assert "weak" not in said


def test_an_owner_without_a_role_of_its_own_for_seeding_gets_the_line_and_changes_nothing(
    records_dsn: str, spare_role: str
) -> None:
    with psycopg.connect(records_dsn, autocommit=True) as connection:
        connection.execute(f"CREATE ROLE {spare_role} LOGIN PASSWORD 'weak'".encode())
    weak = conninfo.make_conninfo(records_dsn, user=spare_role, password="weak")
    with pytest.raises(UsageError, match="may not make or change the role"):  # the derived passwords are others
        make_roles(weak)
    for system in SYSTEMS:
        runs(system_address({}, records_dsn, system), "SELECT 1")


def test_roles_are_nothing_but_logins(records_dsn: str) -> None:
    with psycopg.connect(records_dsn) as connection:
        found: list[tuple[Any, ...]] = connection.execute(
            "SELECT rolname, rolcanlogin, rolsuper, rolcreaterole, rolcreatedb, rolbypassrls, rolreplication "
            "FROM pg_roles WHERE rolname = ANY(%s)",
            [list(ROLES)],
        ).fetchall()
    assert {row[0] for row in found} == {*map(role_of, SYSTEMS), LEDGER_ROLE}
    assert {row[1:] for row in found} == {(True, False, False, False, False, False)}
