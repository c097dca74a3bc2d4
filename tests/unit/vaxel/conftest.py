"""A lake in memory for each test that asks for one."""

from __future__ import annotations

from collections.abc import Iterator

import duckdb
import pytest

from tests.unit.vaxel.in_memory import empty_lake


@pytest.fixture
def lake() -> Iterator[duckdb.DuckDBPyConnection]:
    with empty_lake() as lake:
        yield lake
