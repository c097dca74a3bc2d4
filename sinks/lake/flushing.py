"""Rows that wait in the catalogue become files, table by table.

The sinks' positions stay in the catalogue, where no file can go missing from under them. But each commit leaves the
ones before it there for time travel, and the next has to pass all of them by: beside 8,000 of them, it took 79 ms
instead of 42, beside 100,000, 154 ms. So positions go to a file with them, and come back at once, in a transaction of
their own, since DuckLake 1.5.5 ends the process where one does both. Killed between, the next flush takes them back.
"""

from __future__ import annotations

import duckdb

from schemas.lake import SINK_POSITION
from sinks.lake.connection import LAKE

_OF_LAKE = f"__ducklake_metadata_{LAKE}"
_INLINED = f"""
SELECT i.table_name, t.table_name FROM {_OF_LAKE}.ducklake_inlined_data_tables AS i
JOIN {_OF_LAKE}.ducklake_table AS t USING (table_id) WHERE t.end_snapshot IS NULL ORDER BY t.table_name
"""


def waiting(lake: duckdb.DuckDBPyConnection) -> list[str]:
    """Tables of which rows wait; that of the positions, where older ones do."""
    found = dict[str, bool]()
    for part, table in lake.execute(_INLINED).fetchall():
        older = "end_snapshot IS NOT NULL" if table == SINK_POSITION.name else "true"
        there = lake.execute(f'SELECT 1 FROM {_OF_LAKE}."{part}" WHERE {older} LIMIT 1').fetchone()
        found[table] = found.get(table, False) or there is not None
    return [table for table, has_any in found.items() if has_any]


def to_files(lake: duckdb.DuckDBPyConnection, table: str) -> int:
    """Does it with one table in the transaction that is open; returns the rows."""
    moved = lake.execute(f"CALL ducklake_flush_inlined_data('{LAKE}', table_name => '{table}')").fetchall()
    return sum(int(row[-1]) for row in moved)


def positions_left(lake: duckdb.DuckDBPyConnection) -> int:
    """Positions that are in a file."""
    there = "SELECT count(*) FROM duckdb_tables() WHERE database_name = ? AND table_name = ?"
    if lake.execute(there, [LAKE, SINK_POSITION.name]).fetchone() == (0,):
        return 0
    row = lake.execute(f"SELECT count(*) FROM {SINK_POSITION.name} WHERE filename LIKE '%.parquet'").fetchone()
    assert row is not None, "an aggregate has a row"
    return int(row[0])


def take_positions_back(lake: duckdb.DuckDBPyConnection) -> int:
    """Does it in the transaction that is open; returns their number."""
    row = lake.execute(f"UPDATE {SINK_POSITION.name} SET next_offset = next_offset").fetchone()
    assert row is not None, "DuckDB tells how many rows it changed"
    return int(row[0])
