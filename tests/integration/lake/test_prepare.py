"""A lake whose tables are not as declared, made so: what is missing comes, and nothing else changes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

from schemas.errors import OutsideError
from schemas.forms import columns, duckdb_columns
from schemas.lake import INSIGHT_VERSIONS, READINGS_WASHER, SINK_POSITION, TABLES
from sinks.lake import tables
from sinks.lake.connection import open_writer
from sinks.lake.crash_points import PREPARE_POINTS, VARIABLE
from sinks.lake.doubt import Way
from tests.integration.lake.conftest import ROOT, FreshDatabase, Lake

pytestmark = [pytest.mark.kafka, pytest.mark.postgres]

SNAPSHOT = "SELECT max(snapshot_id) FROM ducklake_snapshots('lake')"
BOUNDED = """
SELECT count(*), min(measured_at)::VARCHAR, max(measured_at)::VARCHAR, (
    SELECT count(*) FROM readings_washer WHERE measured_at >= '2026-01-02' AND measured_at < '2026-01-03'
) FROM readings_washer
"""
MOVED = (
    "SELECT count(*), count(happened_at), min(happened_at)::VARCHAR, max(happened_at)::VARCHAR FROM insight_versions"
)


def test_preparing_again_changes_nothing_and_a_new_field_becomes_a_column(lake: Lake) -> None:
    lake.sink(0)
    declared = [*(entry.table for entry in lake.inputs), SINK_POSITION]
    with open_writer(lake.catalog, lake.files) as connection:
        snapshots = "SELECT count(*) FROM ducklake_snapshots('lake')"
        before = connection.execute(snapshots).fetchall()
        held = tables.columns_in_lake(connection)
        tables.prepare(connection, declared, Way())
        assert connection.execute(snapshots).fetchall() == before
        connection.execute("ALTER TABLE readings_shoe DROP COLUMN ground_contact_ms")
        tables.prepare(connection, declared, Way())
        assert tables.columns_in_lake(connection) == held
        connection.execute("ALTER TABLE readings_shoe DROP COLUMN distance_m")
        connection.execute("ALTER TABLE readings_shoe ADD COLUMN distance_m VARCHAR")
        with pytest.raises(OutsideError, match="'distance_m' is VARCHAR there and DOUBLE in the contract"):
            tables.prepare(connection, declared, Way())


def prepared_in_two_goes(catalog: str, files: str, point: str) -> None:
    """By one that is killed there, and the next one."""
    program = Path(__file__).with_name("prepare_process.py")
    command = [sys.executable, str(program), catalog, files]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    killed = subprocess.run(command, env={**environment, VARIABLE: point}, timeout=60, check=False)
    assert killed.returncode == -signal.SIGKILL
    subprocess.run(command, env=environment, timeout=60, check=True)


def is_as_declared(lake: duckdb.DuckDBPyConnection) -> bool:
    """Columns and options; and another start has nothing to do."""
    held = tables.columns_in_lake(lake)
    inlined = "SELECT value FROM ducklake_options('lake') WHERE option_name = 'data_inlining_row_limit'"
    before = lake.execute(SNAPSHOT).fetchall()
    tables.prepare(lake, TABLES, Way())
    return (
        all(held[table.name].keys() == {column.lake_name for column in columns(table.contract)} for table in TABLES)
        and lake.execute(inlined).fetchall() == [(tables.POSITIONS_INLINED,)]
        and lake.execute(SNAPSHOT).fetchall() == before
    )


@pytest.mark.parametrize("point", PREPARE_POINTS)
def test_killed_between_two_steps_the_next_start_moves_the_rest_of_the_values(
    fresh_database: FreshDatabase, tmp_path: Path, point: str
) -> None:
    catalog, files = fresh_database(), str(tmp_path / "lake")
    declared = duckdb_columns(INSIGHT_VERSIONS.contract).replace('"happened_at" TIMESTAMP', '"at_ms" BIGINT')
    with open_writer(catalog, files) as older:
        older.execute(f"CREATE TABLE insight_versions ({declared})")
        older.execute("INSERT INTO insight_versions (version, at_ms) SELECT 1, 1767225600000 + i FROM range(300) t(i)")
    prepared_in_two_goes(catalog, files, point)
    with open_writer(catalog, files) as lake:
        assert lake.execute(MOVED).fetchall() == [(300, 300, "2026-01-01 00:00:00", "2026-01-01 00:00:00.299")]
        assert is_as_declared(lake)


@pytest.mark.parametrize("point", PREPARE_POINTS)
def test_killed_between_two_steps_those_at_work_find_their_rows_after_the_next_start(
    fresh_database: FreshDatabase, tmp_path: Path, point: str
) -> None:
    catalog, files = fresh_database(), str(tmp_path / "lake")
    declared = duckdb_columns(READINGS_WASHER.contract).replace(" TIMESTAMP", " TIMESTAMP_MS")
    with open_writer(catalog, files) as older:
        older.execute(f"CREATE TABLE readings_washer ({declared})")
        older.execute(
            "INSERT INTO readings_washer BY NAME SELECT 'w-1' AS device_id, "
            "make_timestamp_ms(1767225600000 + i * 60000) AS measured_at FROM range(10000) t(i)"
        )
        seen = older.execute(BOUNDED).fetchall()
        assert seen == [(10_000, "2026-01-01 00:00:00", "2026-01-07 22:39:00", 1_440)]
        prepared_in_two_goes(catalog, files, point)
        assert older.execute(BOUNDED).fetchall() == seen
    with open_writer(catalog, files) as lake:
        assert lake.execute(BOUNDED).fetchall() == seen
        assert is_as_declared(lake)
