"""An HTTP record system that holds three rows, and the batch that changes each of them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from sinks.records.targets.http import HttpTarget
from sinks.records.targets.target import Batch
from tests.integration.records.targets.systems_under_test import RestSystem, batch_for, update

CUT = "not sent: the record system went away"


@pytest.fixture
def system(rest_system: RestSystem) -> RestSystem:
    for name in "abc":
        rest_system.put(name, qty=1, note="x")
    return rest_system


@pytest.fixture
def target(system: RestSystem) -> Iterator[HttpTarget]:
    opened = HttpTarget(system.table.system, system.address)
    yield opened
    opened.close()


def three(system: RestSystem, **more: Any) -> Batch:
    return batch_for(system, *(update(name, qty=(1, 2), note=("x", " y ")) for name in "abc"), **more)
