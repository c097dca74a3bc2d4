"""Applying a set in chunks of one row each, at a record system at which something happens meanwhile."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from sinks.records.gear import applying
from sinks.records.gear.applying import Applied, apply_set
from sinks.records.gear.systems import System
from sinks.records.targets.opening import open_target
from sinks.records.targets.target import Batch, Target, Written
from tests.integration.records.gear.engine import (
    AUTHOR,
    MATERIALS,
    Engine,
    Failing,
)


def by_the_row(engine: Engine, number: int) -> Applied:
    """Applies a set in chunks of one row."""
    places = engine.slowed(rows_per_s=1000, chunk_rows=1)
    return apply_set(number, engine.flow, places, AUTHOR, engine.clock)


def approved(engine: Engine) -> int:
    """A set that changes both fields of each row."""
    number = engine.plan(dict.fromkeys(MATERIALS, (10, 5))).change_set_id
    assert number is not None
    engine.approve(number)
    return number


def states(engine: Engine) -> list[str]:
    return [row["state"] for row in engine.erp("SELECT state FROM gearbox.chunk ORDER BY sent_at")]


def assert_each_is_written_once(engine: Engine) -> None:
    assert set(engine.held().values()) == {10, 5}
    assert {row["row_version"] for row in engine.erp("SELECT row_version FROM erp.monthly_sales")} == {2}
    told = [(json.loads(row["key"])["material"], row["field"]) for row in engine.audit()]
    assert told == [(material, name) for material in MATERIALS for name in ("activated_qty", "in_use_qty")]


class Scripted(Failing):
    """A record system at which something happens when a batch comes to it."""

    def __init__(self, target: Target, engine: Engine, when: Callable[[int, Callable[[], Written]], Written]) -> None:
        super().__init__(target, engine.faults)
        self._when, self._count = when, 0

    def write(self, batch: Batch) -> Written:
        self._count += 1
        return self._when(self._count, lambda: super(Scripted, self).write(batch))


def scripted(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, when: Callable[[int, Callable[[], Written]], Written]
) -> None:
    def opened(system: System, address: str) -> Target:
        return Scripted(open_target(system, address), engine, when)

    monkeypatch.setattr(applying, "open_target", opened)
