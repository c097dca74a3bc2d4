"""The readings of the ingest benchmark are what their truth says."""

from __future__ import annotations

import duckdb
import pyarrow as pa

from benchmarks.lake_ingest import Ingested, lines
from benchmarks.lake_ingest_load import TRUTH_SQL, Truth, load
from schemas.facts import WasherReading
from schemas.forms import arrow_schema
from sinks.lake.decode import frame_rows
from streams.frames import FRAME_ROWS, read_frame

PARTITIONS = 3
READINGS = 4 * FRAME_ROWS + 7


def test_frames_are_a_workers_and_no_device_measures_twice_at_once() -> None:
    records = list(load(READINGS, PARTITIONS))
    assert [partition for partition, _, _ in records] == [0, 1, 2, 0, 1]
    tables = [read_frame(value) for _, value, _ in records]
    assert [table.num_rows for table in tables] == [*[FRAME_ROWS] * 4, 7]
    assert all(table.schema == arrow_schema(WasherReading) for table in tables)
    rows = frame_rows([batch for table in tables for batch in table.to_batches()], WasherReading)
    assert isinstance(rows, pa.Table)
    distinct = "SELECT count(DISTINCT (device_id, measured_at)), count(DISTINCT (device_id, seq)) FROM rows"
    assert duckdb.sql(distinct).fetchone() == (READINGS, -(-READINGS // 20))
    found = duckdb.sql(TRUTH_SQL.format(rows="rows")).fetchone()
    assert found is not None
    assert Truth(*found) == sum((truth for _, _, truth in records), start=Truth(0, 0, 0))


def test_the_same_number_gives_the_same_bytes() -> None:
    assert list(load(30_000, PARTITIONS)) == list(load(30_000, PARTITIONS))


def test_a_wrong_answer_has_no_speed() -> None:
    right = Ingested("copy", 3_000_000, 3.0, 2.0, 2_000_000, 4.0, 0.1, None, 3, 42_000_000, "")
    wrong = Ingested("copy", 3_000_000, 3.0, 2.0, 2_000_000, 4.0, 0.1, None, 3, 42_000_000, "one too many")
    assert right.readings_per_s == 1_000_000
    assert wrong.readings_per_s is None
    assert [line[1] for line in lines([right, wrong])[1:]] == ["1,000,000", "one too many"]
