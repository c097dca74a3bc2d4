"""The writer is killed between any two steps: the record system knows what became of the batch, and is written once."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from dataclasses import replace
from uuid import uuid4

import pytest

from schemas.errors import UnreachableError
from sinks.records.crash import ARMED_BY
from sinks.records.targets import postgres_writing
from sinks.records.targets.postgres import PostgresTarget
from sinks.records.targets.target import LeftOut, Written
from tests.integration.records.targets import writer_to_kill
from tests.integration.records.targets.systems_under_test import PostgresSystem, batch_for

pytestmark = pytest.mark.postgres

POINTS = ("target.begun", "target.staged", "target.checked", "target.written", "target.committed")
OUTCOME = Written((LeftOut(0, "note", 'holds "x", "else" was planned upon'),), {(1, "note"): "y"})


def filled(system: PostgresSystem) -> None:
    for name, qty in (("a", 1), ("b", 2), ("d", 4)):
        system.put(name, qty=qty, note="x")


def test_the_list_of_crash_points_is_the_writers() -> None:
    with open(postgres_writing.__file__) as source:
        assert tuple(re.findall(r'crash_point\("(.+?)"\)', source.read())) == POINTS


@pytest.mark.parametrize("point", POINTS)
def test_a_writer_killed_at_any_step_has_written_all_or_nothing_and_the_rest_is_done_once(
    postgres_system: PostgresSystem, point: str
) -> None:
    system, token = postgres_system, str(uuid4())
    filled(system)
    killed = subprocess.run(
        [sys.executable, "-m", writer_to_kill.__name__, system.dsn, system.table.system, token],
        env=os.environ | {ARMED_BY: point},
        timeout=120,
        check=False,
    )
    assert killed.returncode == -signal.SIGKILL
    target = PostgresTarget(system.table.system, system.dsn)
    batch = batch_for(system, *writer_to_kill.ROWS, token=token)
    try:
        is_written = point == "target.committed"
        assert target.cancel(token) == (OUTCOME if is_written else None)
        assert system.versions() == ({"a": 2, "b": 2, "c": 1} if is_written else {"a": 1, "b": 1, "d": 1})
        if is_written:
            assert target.write(batch) == OUTCOME
        else:
            with pytest.raises(UnreachableError, match="was cancelled"):
                target.write(batch)
            assert target.write(replace(batch, token=str(uuid4()))) == OUTCOME
        assert system.versions() == {"a": 2, "b": 2, "c": 1}
        assert (system.rows()["a"]["qty"], system.rows()["b"]["note"]) == (2, "y")
    finally:
        target.close()
