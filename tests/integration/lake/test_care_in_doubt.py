"""The answer of a commit is lost while the lake is looked after, or made anew: no file is missing that it needs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from schemas.retention import DAY_MS, HOUR_MS
from sinks.lake.connection import open_writer
from sinks.lake.flushing import take_positions_back
from tests.integration.lake.conftest import ROOT, ROWS_IN_A_FRAME, Lake
from tests.integration.lake.rebuilding import assert_same, rows_of
from tests.integration.lake.test_check import checked, files_of, flip
from tests.integration.lake.wire import wire_to

pytestmark = [pytest.mark.kafka, pytest.mark.postgres]

FRAMES = 3
MEASURED_AT_MS = 1_767_225_600_000
"""Of every reading of the frames."""
AT_MS = int(datetime(2026, 12, 1, tzinfo=UTC).timestamp() * 1000)
MORE = """
SELECT * REPLACE (seq + 100_000 AS seq, seq AS session_no, measured_at + INTERVAL 2 HOUR AS measured_at)
FROM readings_washer LIMIT {rows}
"""
HOURS = "SELECT sum(readings)::BIGINT, sum(span_ms)::BIGINT FROM washer_hours"
ROWS = "SELECT count(*), count(DISTINCT seq) FROM readings_washer"


def waiting(lake: Lake) -> dict[str, Any]:
    """Rows wait in the catalogue to become a file."""
    with open_writer(lake.catalog, lake.files) as writer:
        writer.execute(f"INSERT INTO readings_washer {MORE.format(rows=20)}")
    return {}


def old(lake: Lake) -> dict[str, Any]:
    """Rows of a part of a file may not stay: a file says which they are."""
    with open_writer(lake.catalog, lake.files) as writer:
        writer.execute(f"INSERT INTO readings_washer {MORE.format(rows=300)}")
        writer.execute("CALL ducklake_merge_adjacent_files('lake', 'readings_washer')")
    return {"usage_ms": AT_MS - MEASURED_AT_MS - HOUR_MS}


def to_hours(lake: Lake) -> dict[str, Any]:
    """Readings to be rolled up, into more hours than go into the catalogue."""
    with open_writer(lake.catalog, lake.files) as writer:
        writer.execute(f"INSERT INTO readings_washer {MORE.format(rows=300)}")
    return {"roll_up_after_days": (AT_MS - MEASURED_AT_MS) // DAY_MS - 1}


def deleted(lake: Lake) -> dict[str, Any]:
    """Files with deleted rows, to be written anew without them."""
    with open_writer(lake.catalog, lake.files, inlined_rows=0) as writer:
        writer.execute(f"DELETE FROM readings_washer WHERE seq % {ROWS_IN_A_FRAME} < 10")
    return {}


def small(_lake: Lake) -> dict[str, Any]:
    """Files to be merged."""
    return {}


@pytest.fixture
def filled(lake: Lake) -> Lake:
    """A lake of some small files of one day, whose digests are taken; nothing waits in its catalogue."""
    for number in range(FRAMES):
        lake.produce(range(number, number + 1))
        lake.sink(ROWS_IN_A_FRAME)
    with open_writer(lake.catalog, lake.files) as writer:
        writer.execute("CALL ducklake_flush_inlined_data('lake')")
        take_positions_back(writer)
        writer.execute("CALL ducklake_rewrite_data_files('lake', delete_threshold => 0.0)")
    assert checked(lake).is_whole
    return lake


@pytest.mark.parametrize(
    ("work", "step"),
    [
        (waiting, "1, flush"),
        (old, "2, retention"),
        (to_hours, "3, roll-up"),
        (deleted, "4, rewrite"),
        (small, "5, merge"),
    ],
)
def test_no_step_of_looking_after_loses_a_file_that_the_catalogue_names(
    filled: Lake, work: Callable[[Lake], dict[str, Any]], step: str
) -> None:
    call = {"at_ms": AT_MS, "usage_ms": AT_MS, "health_ms": AT_MS, "roll_up_after_days": None} | work(filled)
    hours, rows = filled.ask(HOURS), filled.ask(ROWS)
    with wire_to(filled.catalog) as (wire, catalog):
        wire.cut = "behind"
        done = process("maintain_process.py", catalog, filled.files, json.dumps(call))
    assert (wire.cuts, done.returncode) == (1, 1)
    assert f"UnreachableError: Cannot look after the lake (step {step})" in done.stderr.decode()
    report = checked(filled, by_all_snapshots=True)
    assert (report.faults, report.repeated, report.topics) == ([], [], [])
    # The next run does the rest.
    assert process("maintain_process.py", filled.catalog, filled.files, json.dumps(call)).returncode == 0
    assert filled.ask(HOURS) == ([(300, 300_000)] if work is old else hours)
    assert filled.ask(ROWS) == ([(300, 300)] if work is old else [(0, 0)] if work is to_hours else rows)
    assert checked(filled, by_all_snapshots=True).is_whole


def test_an_exchange_of_rows_loses_no_file_that_the_catalogue_names(filled: Lake) -> None:
    before, file = rows_of(filled), files_of(filled)[0]
    flip(file.path, file.size_bytes // 3)
    topics = json.dumps({entry.table.name: entry.topic for entry in filled.inputs})
    with wire_to(filled.catalog) as (wire, catalog):
        wire.cut = "behind"
        done = process("rebuild_process.py", filled.kafka, catalog, filled.files, topics)
    assert (wire.cuts, done.returncode) == (1, 1)
    assert b"UnreachableError" in done.stderr
    assert checked(filled).is_whole
    assert_same(rows_of(filled), before)


def process(program: str, *arguments: str) -> subprocess.CompletedProcess[bytes]:
    """Its end. DuckDB may ask the catalogue while it holds Python's lock, and the wire is Python too."""
    return subprocess.run(
        [sys.executable, str(Path(__file__).with_name(program)), *arguments],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        timeout=120,
        check=False,
        capture_output=True,
    )
