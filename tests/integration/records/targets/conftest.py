"""Record systems of each kind, empty."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from sinks.records.targets.target import Target
from tests.integration.records.targets.http_system import HttpSystem, serving
from tests.integration.records.targets.systems_under_test import (
    PostgresSystem,
    RestSystem,
    SystemUnderTest,
    article_table,
    rule,
)

KINDS = ("postgres", "http")


@pytest.fixture
def postgres_system(postgres_dsn: str) -> Iterator[PostgresSystem]:
    made = PostgresSystem.made(postgres_dsn)
    yield made
    made.execute(f"DROP SCHEMA {made.table.system} CASCADE")


@pytest.fixture
def rest_system() -> Iterator[RestSystem]:
    http = HttpSystem(article_table("rest"), rule, {"origin": "here"})
    with serving(http) as address:
        yield RestSystem(address, http)


@pytest.fixture(params=KINDS)
def system(request: pytest.FixtureRequest) -> SystemUnderTest:
    found: SystemUnderTest = request.getfixturevalue(
        {"postgres": "postgres_system", "http": "rest_system"}[request.param]
    )
    return found


@pytest.fixture
def target(system: SystemUnderTest) -> Iterator[Target]:
    opened = system.target()
    yield opened
    opened.close()
