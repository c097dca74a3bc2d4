"""A small lake for each test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.unit.vaxel.plots.known_lake import KnownLake, known_lake


@pytest.fixture
def lake() -> Iterator[KnownLake]:
    with known_lake() as made:
        yield made
