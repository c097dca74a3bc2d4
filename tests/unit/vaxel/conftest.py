"""A lake in memory, empty for each test that asks for one."""

from __future__ import annotations

from collections.abc import Iterator

import duckdb
import pytest

from schemas.lake import TABLES
from tests.unit.vaxel.in_memory import empty_lake


@pytest.fixture(scope="package")
def lake_of_all() -> Iterator[duckdb.DuckDBPyConnection]:
    with empty_lake() as lake:
        yield lake


@pytest.fixture
def lake(lake_of_all: duckdb.DuckDBPyConnection) -> duckdb.DuckDBPyConnection:
    for table in TABLES:
        lake_of_all.execute(f'delete from "{table.name}"')
    return lake_of_all
