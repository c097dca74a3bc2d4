"""How tables and their files are made, and what becomes of a lake that an older release made."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import duckdb
import pytest

from schemas.forms import columns, duckdb_columns
from schemas.lake import INSIGHT_VERSIONS, READINGS_SHOE, READINGS_WASHER, TABLES, USAGE_VERSIONS
from sinks.lake import tables
from sinks.lake.connection import open_reader, open_writer
from sinks.lake.doubt import Way

pytestmark = pytest.mark.postgres

ROWS = 1_500_000
SNAPSHOT = "SELECT max(snapshot_id) FROM ducklake_snapshots('lake')"


@pytest.fixture
def writer(fresh_database: Callable[[], str], tmp_path: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    with open_writer(fresh_database(), str(tmp_path / "lake")) as connection:
        yield connection


def test_files_have_row_groups_of_100_000_rows_and_more_and_dictionaries_for_texts(
    writer: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    tables.prepare(writer, TABLES, Way())
    writer.execute(
        "INSERT INTO readings_washer BY NAME SELECT 'w-' || i % 3000 AS device_id, i // 3000 AS seq, "
        "make_timestamp_ms(1767225600000 + i // 3000 * 10000) AS measured_at, 10000 AS span_ms, "
        "['fill', 'heat', 'wash'][1 + i % 3] AS phase, i % 2000 / 10 AS power_w, 0.5 AS energy_wh "
        f"FROM range({ROWS}) t(i)"
    )
    found = writer.execute(
        "SELECT file_name, row_group_id, row_group_num_rows, path_in_schema, type, encodings, compression "
        f"FROM parquet_metadata('{tmp_path}/lake/**/*.parquet')"
    ).fetchall()
    sizes = {(file, group): rows for file, group, rows, *_ in found}
    assert sum(sizes.values()) == ROWS
    # What is left over when a thread or a file ends is a group too, however small.
    assert sum(rows for rows in sizes.values() if 100_000 <= rows <= 1_000_000) > 0.9 * ROWS
    assert {compression for *_, compression in found} == {"ZSTD"}
    texts = {column.lake_name for column in columns(READINGS_WASHER.contract) if column.value.kind == "str"}
    by_column = {name: encodings for _, _, _, name, _, encodings, _ in found if name in texts}
    assert by_column.keys() == texts
    assert all("DICTIONARY" in encodings for encodings in by_column.values())


def test_an_option_and_an_order_that_somebody_chose_stay(writer: duckdb.DuckDBPyConnection) -> None:
    writer.execute("CALL lake.set_option('parquet_compression', 'snappy')")
    writer.execute(f"CREATE TABLE readings_washer ({duckdb_columns(READINGS_WASHER.contract)})")
    writer.execute("ALTER TABLE readings_washer SET PARTITIONED BY (month(measured_at))")
    tables.prepare(writer, TABLES, Way())
    options = writer.execute("SELECT option_name, value FROM ducklake_options('lake')").fetchall()
    assert dict(options)["parquet_compression"] == "snappy"
    assert dict(options)["parquet_row_group_size"] == "245760"
    assert transforms(writer, "readings_washer") == ["month"]


def transforms(writer: duckdb.DuckDBPyConnection, table: str) -> list[str]:
    """How the table is parted."""
    found = writer.execute(
        "SELECT p.transform FROM __ducklake_metadata_lake.ducklake_partition_column AS p "
        "JOIN __ducklake_metadata_lake.ducklake_partition_info AS i USING (partition_id) "
        "JOIN __ducklake_metadata_lake.ducklake_table AS t ON t.table_id = i.table_id "
        "WHERE i.end_snapshot IS NULL AND t.end_snapshot IS NULL AND t.table_name = ? ORDER BY p.partition_key_index",
        [table],
    ).fetchall()
    return [transform for (transform,) in found]


def test_a_table_of_before_is_parted_and_sorted_from_now_on_and_once(writer: duckdb.DuckDBPyConnection) -> None:
    writer.execute(f"CREATE TABLE readings_shoe ({duckdb_columns(READINGS_SHOE.contract)})")
    tables.prepare(writer, TABLES, Way())
    assert transforms(writer, "readings_shoe") == ["year", "month", "day"]
    before = writer.execute(SNAPSHOT).fetchall()
    tables.prepare(writer, TABLES, Way())
    assert writer.execute(SNAPSHOT).fetchall() == before


def test_instants_that_an_older_release_kept_as_timestamp_ms_become_timestamps_for_readers_at_work_too(
    fresh_database: Callable[[], str], tmp_path: Path
) -> None:
    catalog, files = fresh_database(), str(tmp_path / "lake")
    asked = (
        "SELECT count(*), count(device_id), min(measured_at)::VARCHAR, max(measured_at)::VARCHAR, (SELECT count(*) "
        "FROM readings_washer WHERE measured_at >= '2026-01-02 00:00:00.5' AND measured_at < '2026-01-03') "
        "FROM readings_washer"
    )
    with open_writer(catalog, files) as older:
        declared = duckdb_columns(READINGS_WASHER.contract)
        older.execute(f"CREATE TABLE readings_washer ({declared.replace(' TIMESTAMP', ' TIMESTAMP_MS')})")
        older.execute("ALTER TABLE readings_washer SET PARTITIONED BY (year(measured_at), day(measured_at))")
        older.execute(
            "INSERT INTO readings_washer BY NAME SELECT 'w-1' AS device_id, i AS seq, "
            "make_timestamp_ms(1767225600000 + i * 500) AS measured_at FROM range(1000000) t(i)"
        )
        older.execute("INSERT INTO readings_washer (device_id, measured_at) VALUES ('w-2', '2026-01-02 12:00:00.123')")
        seen = older.execute(asked).fetchall()
        assert seen == [(1_000_001, 1_000_001, "2026-01-01 00:00:00", "2026-01-06 18:53:19.5", 172_800)]
        with closing(Way()) as way, open_writer(catalog, files, way=way) as writer:
            tables.prepare(writer, TABLES, way)
            assert tables.columns_in_lake(writer)["readings_washer"]["measured_at"] == "TIMESTAMP"
            assert writer.execute(asked).fetchall() == seen
            before = writer.execute(SNAPSHOT).fetchall()
            tables.prepare(writer, TABLES, way)
            assert writer.execute(SNAPSHOT).fetchall() == before
        assert older.execute(asked).fetchall() == seen
    with open_reader(catalog, files) as reader:
        assert reader.execute(asked).fetchall() == seen
    with open_reader(catalog, files, as_of=before[0][0] - 1) as reader:
        assert reader.execute(asked).fetchall() == seen


def test_instants_that_an_older_release_kept_as_milliseconds_become_timestamps(
    writer: duckdb.DuckDBPyConnection,
) -> None:
    of_before = {USAGE_VERSIONS: ("custody_from_ms", "custody_from"), INSIGHT_VERSIONS: ("at_ms", "happened_at")}
    for table, (old, new) in of_before.items():
        declared = duckdb_columns(table.contract)
        kept_ms = declared.replace(f'"{new}" TIMESTAMP', f'"{old}" BIGINT')
        assert kept_ms != declared
        writer.execute(f"CREATE TABLE {table.name} ({kept_ms})")
        writer.execute(f"INSERT INTO {table.name} (version, {old}) SELECT 1, 1767225600000 + i FROM range(300) t(i)")
        writer.execute(f"INSERT INTO {table.name} (version) VALUES (2)")
    few = duckdb_columns(READINGS_SHOE.contract).replace('"measured_at" TIMESTAMP', '"measured_at_ms" BIGINT')
    writer.execute(f"CREATE TABLE readings_shoe ({few})")
    writer.execute("INSERT INTO readings_shoe (seq, measured_at_ms) VALUES (1, 1767225600000)")
    writer.execute("CREATE VIEW usage AS SELECT * FROM usage_versions")
    tables.prepare(writer, TABLES, Way())
    held = tables.columns_in_lake(writer)
    for table, (_, new) in of_before.items():
        asked = f"SELECT count({new}), min({new})::VARCHAR, max({new})::VARCHAR, count(*) FROM {table.name}"
        assert writer.execute(asked).fetchall() == [(300, "2026-01-01 00:00:00", "2026-01-01 00:00:00.299", 301)]
        assert set(held[table.name]) == {column.lake_name for column in columns(table.contract)}
    seen = writer.execute("SELECT seq, measured_at::VARCHAR FROM readings_shoe").fetchall()
    assert seen == [(1, "2026-01-01 00:00:00")]
    assert writer.execute("SELECT count(custody_from) FROM usage").fetchall() == [(0,)], "none has a status"
    before = writer.execute(SNAPSHOT).fetchall()
    tables.prepare(writer, TABLES, Way())
    assert writer.execute(SNAPSHOT).fetchall() == before
