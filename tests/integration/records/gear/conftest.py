"""An empty ledger, in a database of its own for each test."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass

import psycopg
import pytest
from psycopg import errors, sql

from schemas.gearbox_ledger import LEDGER_ROLE, ddl
from sinks.records.gear.systems import ledger_address, role_password
from tests.conftest import FreshDatabase


@dataclass(frozen=True)
class Ledger:
    """Addresses of one ledger: as its owner, who may do anything, and as the ledger's role."""

    owner: str
    dsn: str


@pytest.fixture(scope="session")
def ledger_role(postgres_dsn: str) -> str:
    """The ledger's role, able to log in; a role belongs to the whole server."""
    with psycopg.connect(postgres_dsn, autocommit=True) as connection:
        with suppress(errors.DuplicateObject, errors.UniqueViolation):  # another test process was first
            connection.execute(f"CREATE ROLE {LEDGER_ROLE}".encode())
        password = sql.Literal(role_password(postgres_dsn, LEDGER_ROLE))
        connection.execute(sql.SQL("ALTER ROLE {} LOGIN PASSWORD {}").format(sql.Identifier(LEDGER_ROLE), password))
    return LEDGER_ROLE


@pytest.fixture
def ledger(fresh_database: FreshDatabase, ledger_role: str) -> Ledger:
    owner = fresh_database()
    with psycopg.connect(owner, autocommit=True) as connection:
        connection.execute(ddl().encode())
    return Ledger(owner, ledger_address({}, owner))
