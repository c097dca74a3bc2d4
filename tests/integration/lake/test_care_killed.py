"""Killed between two steps of looking after the lake: it is sound, and the next run does the rest."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from schemas.retention import DAY_MS
from sinks.lake.crash_points import MAINTAIN_POINTS, VARIABLE
from tests.integration.lake.conftest import ROOT
from tests.integration.lake.kept_lake import Kept, age_ms, later_ms

pytestmark = pytest.mark.postgres


def a_lake_with_work_for_every_step(kept: Kept) -> tuple[dict[str, Any], list[Any]]:
    """What to have done, and what has to come of it."""
    for day in (1, 2, 3, 4):
        for number in range(2):
            kept.put(day * 10_000 + number * 1_000, 300, day=day)
    kept.put(90_000, 20, day=4)
    kept.writer.execute("INSERT INTO sink_position VALUES ('t', 0, 'id', 1)")
    kept.writer.execute("UPDATE sink_position SET next_offset = 2")
    orphan = kept.parquet()[0].with_name("orphan.parquet")
    orphan.write_bytes(b"PAR1")
    os.utime(orphan, times=(0, 0))
    at_ms = later_ms()
    call = {
        "at_ms": at_ms, "usage_ms": age_ms(at_ms, day=2), "roll_up_after_days": age_ms(at_ms, day=3) // DAY_MS,
        "health_ms": age_ms(at_ms, day=4),
    }  # fmt: skip
    return call, [(600 + 600 + 620, (600 + 600 + 620) * 1000)]


@pytest.mark.parametrize("point", MAINTAIN_POINTS)
def test_killed_between_two_steps_the_lake_is_sound_and_the_next_run_does_the_rest(kept: Kept, point: str) -> None:
    call, expected = a_lake_with_work_for_every_step(kept)
    before = kept.ask("SELECT sum(readings), sum(span_ms) FROM shoe_hours")
    program = Path(__file__).with_name("maintain_process.py")
    command = [sys.executable, str(program), kept.catalog, kept.files, json.dumps(call)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), VARIABLE: point}
    assert subprocess.run(command, env=environment, timeout=120, check=False).returncode == -signal.SIGKILL
    assert kept.ask("SELECT sum(readings), sum(span_ms) FROM shoe_hours") in (before, expected)
    assert kept.ask("SELECT count(*) - count(DISTINCT seq) FROM readings_shoe") == [(0,)]
    del environment[VARIABLE]
    # What a killed one wrote and did not commit is an orphan from now on: by tomorrow it is old.
    for name in ("at_ms", "usage_ms", "health_ms"):
        call[name] += DAY_MS
    call["roll_up_after_days"] += 1
    subprocess.run([*command[:-1], json.dumps(call)], env=environment, timeout=120, check=True)
    assert kept.ask("SELECT sum(readings), sum(span_ms) FROM shoe_hours") == expected
    assert kept.ask("SELECT count(*), count(heart_rate_bpm), min(measured_at) FROM readings_shoe") == [
        (1220, 620, datetime(2026, 3, 3))  # noqa: DTZ001
    ]
    assert kept.ask("SELECT next_offset, filename LIKE '%.parquet' FROM sink_position") in ([(2, False)], [(2, None)])
    listed = kept.ask("SELECT data_file FROM ducklake_list_files('lake', 'readings_shoe')")
    assert [str(path) for path in kept.parquet()] == sorted(path for (path,) in listed)
    assert len(listed) == 2
