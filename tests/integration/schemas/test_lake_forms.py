"""What the lake holds, in its catalogue and in its Parquet files, is what the contracts say."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Event
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from confluent_kafka import Producer

from schemas.failures import HEADERS
from schemas.forms import duckdb_columns, lake_types
from schemas.lake import INPUTS, TABLES, Input, meanings
from sinks.lake.connection import open_reader
from sinks.lake.sink import Settings, run
from sinks.lake.storing import Stored
from sinks.lake.tables import columns_in_lake
from tests.integration.schemas.rows import filled

pytestmark = [pytest.mark.kafka, pytest.mark.postgres]

ROWS = 300
"""More than the lake inlines, so that they become files."""


@dataclass(frozen=True)
class Filled:
    """A lake with `ROWS` rows in each table that a topic feeds."""

    connection: duckdb.DuckDBPyConnection
    files: Path


@pytest.fixture
def lake(
    kafka_bootstrap: str, fresh_topic: Callable[..., str], fresh_database: Callable[[], str], tmp_path: Path
) -> Any:
    inputs = tuple(replace(entry, topic=fresh_topic(entry.topic)) for entry in INPUTS)
    producer = Producer({"bootstrap.servers": kafka_bootstrap, "message.max.bytes": 10_000_000})
    for entry in inputs:
        produce(producer, entry)
    producer.flush(30)
    catalog, files, stop, stored = fresh_database(), tmp_path / "lake", Event(), 0

    def count(part: Stored) -> None:
        nonlocal stored
        stored += sum(part.rows.values())
        if stored >= ROWS * len(inputs):
            stop.set()

    # All at once: the rest of a table that comes later would be few enough to be inlined.
    settings = Settings(max_rows=ROWS * len(inputs), max_age_s=60.0, max_idle_s=1.0)
    run(kafka_bootstrap, catalog, str(files), stop=stop, inputs=inputs, settings=settings, report=count)
    with open_reader(catalog, str(files)) as connection:
        yield Filled(connection, files)


def produce(producer: Producer, entry: Input) -> None:
    """All rows of the table's contract in the form that its topic holds."""
    rows = filled(entry.table.contract, ROWS)
    if entry.form == "arrow":
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, rows.schema, options=pa.ipc.IpcWriteOptions(compression="lz4")) as writer:
            writer.write_table(rows)
        producer.produce(entry.topic, bytes(sink.getvalue()))
        return
    for row in rows.to_pylist():
        if entry.form == "json":
            # A compacted topic takes no record without a key.
            producer.produce(entry.topic, json.dumps(row, default=str).encode(), row.get("device_id"))
        else:
            told: dict[str, str | bytes | None] = {name: str(row[name]) for name in HEADERS if row[name] is not None}
            producer.produce(entry.topic, row["original"], row["device_id"], headers=told)
        producer.poll(0)


def test_parquet_files_and_answers_have_the_columns_of_the_contract_and_hold_every_value(lake: Filled) -> None:
    for entry in INPUTS:
        wanted = lake_types(entry.table.contract)
        files = sorted(lake.files.glob(f"**/{entry.table.name}/**/*.parquet"))
        assert files, entry.table.name
        for file in files:
            held = pq.read_schema(file)
            assert (held.names, held.types) == (wanted.names, wanted.types), entry.table.name
        told = filled(entry.table.contract, ROWS).rename_columns(wanted.names)
        in_ms = [pa.timestamp("ms") if pa.types.is_timestamp(field.type) else field.type for field in wanted]
        rows = told.cast(pa.schema(zip(wanted.names, in_ms, strict=True))).cast(wanted)
        in_files = pa.concat_tables([pq.read_table(file, partitioning=None) for file in files])
        answer = lake.connection.execute(f'from "{entry.table.name}"').to_arrow_table()
        assert answer.schema.types == wanted.types, entry.table.name
        for found in (in_files, answer):
            assert sorted(map(repr, found.to_pylist())) == sorted(map(repr, rows.to_pylist())), entry.table.name


def test_the_catalogue_has_the_types_and_the_comments_of_the_contract(lake: Filled) -> None:
    held = columns_in_lake(lake.connection)
    for table in TABLES:
        declared = {
            name.strip('"'): kind
            for name, kind in (part.split(" ", 1) for part in duckdb_columns(table.contract).split(", "))
        }
        assert held[table.name] == declared
        told = lake.connection.execute(
            "select column_name, comment from duckdb_columns() where database_name = 'lake' and table_name = ?",
            [table.name],
        ).fetchall()
        assert dict(told) == {name: str(meaning) for name, meaning in meanings(table.contract).items()}
