"""What a table shows of files whose values it should have."""

from __future__ import annotations

from collections.abc import Iterator

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from sinks.lake.damage import empty_columns, other_values
from sinks.lake.files import ColumnBounds, LakeFile
from sinks.lake.stand_in_content import no_deletions

NAMES = ("measured_at", "energy_wh", "seq")


@pytest.fixture
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as opened:
        opened.execute(
            "CREATE TABLE readings AS "
            "SELECT TIMESTAMP '2026-05-01' + to_minutes(n) AS measured_at, n * 0.1 AS energy_wh, "
            "n::BIGINT AS seq, NULL::VARCHAR AS alert FROM range(0, 100) AS r(n)"
        )
        yield opened


def a_file(first: int, last: int, deleted: int = 0, **more: ColumnBounds) -> LakeFile:
    """As the catalogue tells of rows `first` to `last` of the table above."""
    instants = [f"2026-05-01 {n // 60:02}:{n % 60:02}:00" for n in (first, last)]
    bounds = {"measured_at": ColumnBounds(0, *instants), "seq": ColumnBounds(0, str(first), str(last)), **more}
    rows = last - first + 1
    return LakeFile(1, "data", "readings", "f.parquet", 1, None, 1, rows, deleted, 9, 9, bounds, 1)


def test_a_table_with_the_values_of_its_files_has_no_others(connection: duckdb.DuckDBPyConnection) -> None:
    assert other_values(connection, "readings", NAMES, [a_file(0, 59), a_file(9, 99)]) == ""


@pytest.mark.parametrize(
    ("files", "says"),
    [
        ([a_file(0, 59), a_file(60, 98)], "measured_at goes from 2026-05-01 00:00:00 to 2026-05-01 01:39:00"),
        ([a_file(0, 100)], "in the files it went from 2026-05-01 00:00:00 to 2026-05-01 01:40:00"),
        ([a_file(1, 99, deleted=1)], "measured_at goes from 2026-05-01 00:00:00"),
    ],
)
def test_values_that_no_file_had_or_that_are_gone_are_named(
    connection: duckdb.DuckDBPyConnection, files: list[LakeFile], says: str
) -> None:
    assert says in other_values(connection, "readings", NAMES, files)


def test_of_files_with_deletions_the_outermost_values_may_be_gone(connection: duckdb.DuckDBPyConnection) -> None:
    assert other_values(connection, "readings", NAMES, [a_file(0, 59), a_file(60, 120, deleted=21)]) == ""


def test_a_column_that_the_catalogue_does_not_bound_everywhere_is_not_held_against_the_table(
    connection: duckdb.DuckDBPyConnection,
) -> None:
    unknown = {name: ColumnBounds(0, None, None) for name in ("measured_at", "seq")}
    assert other_values(connection, "readings", NAMES, [a_file(0, 9), a_file(10, 19, 0, **unknown)]) == ""


def test_a_column_is_empty_where_each_file_has_nothing_but_nulls_in_it() -> None:
    empty, full, half = (ColumnBounds(nulls, None, None) for nulls in (10, 0, 9))
    unknown = ColumnBounds(None, None, None)
    files = [
        a_file(0, 9, alert=empty, note=empty, zone=empty, text=empty),
        a_file(10, 19, alert=empty, note=half, zone=full, text=unknown),
    ]
    assert empty_columns(files) == ["alert"]
    assert empty_columns([a_file(0, 9, alert=empty), a_file(10, 19)]) == [], "a file that came before the column"


def test_a_list_of_no_deletions_is_parquet_that_ends_with_the_footer_it_tells() -> None:
    content, footer_bytes = no_deletions()
    held = pq.read_table(pa.BufferReader(content))
    assert held.num_rows == 0
    assert held.schema.names == ["file_path", "pos"]
    assert content[-4:] == b"PAR1"
    assert int.from_bytes(content[-8:-4], "little") == footer_bytes
