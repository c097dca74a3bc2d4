"""How the gearbox's roles come to be, whoever owns the database and whoever makes them at the same time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from psycopg import conninfo

from schemas.errors import UsageError
from schemas.gearbox_ledger import LEDGER_ROLE
from schemas.records import SYSTEMS
from sinks.records import seeding
from sinks.records.database import session
from sinks.records.gear.systems import role_of, role_password, system_address
from sinks.records.roles import ROLES, make_role, make_roles, variable_of
from tests.integration.records.conftest import DEVICES
from tests.integration.records.test_roles import is_refused, runs

pytestmark = pytest.mark.postgres


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
