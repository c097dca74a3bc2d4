"""What tests of rebuilding share: a filled lake, harm to its files, and a comparison row by row."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
from confluent_kafka import Producer, TopicPartition
from confluent_kafka.admin import AdminClient

from sinks.lake.anew import Made
from sinks.lake.connection import open_reader, open_writer
from sinks.lake.rebuild import rebuild
from sinks.lake.restore import damaged, restore
from sinks.lake.sink import Settings
from tests.integration.lake.conftest import ROOT, ROWS_IN_A_FRAME, Lake, a_cycle
from tests.integration.lake.test_check import checked, files_of, flip

READINGS = "readings_washer"
CYCLES = "wash_cycle_versions"
SPREAD = Settings(max_rows=2 * ROWS_IN_A_FRAME, max_age_s=0.2, max_idle_s=1.0)
"""Several transactions, so that there are snapshots to go back to."""


def rows_of(lake: Lake, as_of: int | None = None) -> dict[str, pa.Table]:
    with open_reader(lake.catalog, lake.files, as_of=as_of) as reader:
        return {
            entry.table.name: reader.execute(f'SELECT * FROM "{entry.table.name}"').to_arrow_table()
            for entry in lake.inputs
        }


def assert_same(one: dict[str, pa.Table], other: dict[str, pa.Table]) -> None:
    """Row for row, and byte for byte: a float counts by its bits, a text by its letters."""
    assert one.keys() == other.keys()
    with duckdb.connect() as plain:
        for name, rows in one.items():
            plain.register("one", rows)
            plain.register("other", other[name])
            for left, right in (("one", "other"), ("other", "one")):
                query = f"SELECT count(*) FROM (SELECT * FROM {left} EXCEPT ALL SELECT * FROM {right})"
                assert plain.execute(query).fetchall() == [(0,)], name
            hashed = [plain.execute(f"SELECT sum(hash(t)) FROM {side} AS t").fetchall() for side in ("one", "other")]
            assert hashed[0] == hashed[1], name


def snapshots(lake: Lake) -> list[int]:
    with open_reader(lake.catalog, lake.files) as reader:
        rows = reader.execute("SELECT snapshot_id FROM ducklake_snapshots('lake') ORDER BY 1").fetchall()
    return [number for (number,) in rows]


def restored(lake: Lake, **more: Any) -> Made:
    (faults,) = damaged(lake.catalog, lake.files).values()
    return restore(lake.kafka, lake.catalog, lake.files, faults, inputs=lake.inputs, **more)


def rebuilt(lake: Lake, table: str = READINGS, snapshot: int | None = None, **more: Any) -> Made:
    faults = damaged(lake.catalog, lake.files).get(table, [])
    return rebuild(lake.kafka, lake.catalog, lake.files, table, snapshot, faults, inputs=lake.inputs, **more)


def delete_below(lake: Lake, offset: int) -> None:
    admin = AdminClient({"bootstrap.servers": lake.kafka})
    for future in admin.delete_records([TopicPartition(lake.topic(), 0, offset)]).values():
        future.result(10)


def fill(lake: Lake) -> Lake:
    """A lake of readings and cycles, in several transactions, whose files have digests."""
    producer = Producer({"bootstrap.servers": lake.kafka})
    for version in range(1, 4):
        producer.produce(lake.topic(CYCLES), a_cycle(f"w-ö:{version}", version), key="w-1")
    producer.flush()
    lake.produce(range(6))
    lake.produce(range(6, 8), partition=1)
    lake.sink(8 * ROWS_IN_A_FRAME + 3, settings=SPREAD)
    assert checked(lake).is_whole
    assert len(files_of(lake)) > 2
    return lake


def merge(lake: Lake) -> None:
    with open_writer(lake.catalog, lake.files) as writer:
        writer.execute("CALL ducklake_merge_adjacent_files('lake')")
    assert checked(lake).is_whole


def rewrite(lake: Lake) -> None:
    with open_writer(lake.catalog, lake.files) as writer:
        writer.execute("DELETE FROM readings_washer WHERE seq % 2 = 1")
        writer.execute("CALL ducklake_rewrite_data_files('lake', delete_threshold => 0.0)")
    assert checked(lake).is_whole


def footer(path: Path) -> None:
    flip(str(path), path.stat().st_size - 6)


def page(path: Path) -> None:
    """Takes away the header of the last column's first page: the file opens, and no reader can read that column.

    A flipped bit of a page's values need not be noticed: they have no checksum, and may be others, or even the same,
    afterwards. In a list of deletions the last column is `pos`, which everybody reads who reads the table.
    """
    group = pq.read_metadata(path).row_group(0)
    column = group.column(group.num_columns - 1)
    with path.open("r+b") as file:
        file.seek(column.dictionary_page_offset if column.has_dictionary_page else column.data_page_offset)
        file.write(b"\0")  # ends the header before its first field


HARMS: tuple[Callable[[Path], None], ...] = (page, footer, Path.unlink)


def restoring(lake: Lake, **environment: str) -> int:
    return _process(lake, "", environment)


def rebuilding(lake: Lake, table: str, **environment: str) -> int:
    return _process(lake, table, environment)


def _process(lake: Lake, table: str, environment: Mapping[str, str]) -> int:
    topics = {entry.table.name: entry.topic for entry in lake.inputs}
    program = Path(__file__).with_name("rebuild_process.py")
    return subprocess.run(
        [sys.executable, str(program), lake.kafka, lake.catalog, lake.files, json.dumps(topics), table],
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
        timeout=120,
        check=False,
    ).returncode
