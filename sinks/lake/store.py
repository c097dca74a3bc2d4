"""One lake transaction: rows of a span of offsets, and the positions behind them."""

from __future__ import annotations

from collections.abc import Mapping

import duckdb
import pyarrow as pa

from schemas.errors import OutsideError
from sinks.lake import crash_points, positions
from sinks.lake.positions import Place, Position
from sinks.lake.transactions import is_conflict, roll_back

CONFLICTS = 10
"""Attempts when sinks of other partitions commit in the same moment: DuckLake sees conflicts per table, not per row."""


def store(
    connection: duckdb.DuckDBPyConnection,
    rows: Mapping[str, pa.Table],
    starts: Mapping[Place, Position],
    ends: Mapping[Place, int],
) -> None:
    """Stores the rows and moves the positions, both or neither.

    1 begin, 2 insert the rows of each table, 3 move the positions, 4 commit. Killed before 4 has happened, the lake
    holds nothing of it and the positions send the next sink back to the same records; after it, past them. Nothing
    else acknowledges.

    Args:
        rows: By table name, as the lake holds them.
        starts: Position of each partition in `ends` before these rows.
        ends: Next offset after these rows.
    Raises:
        OutsideError: another sink has moved a position.
        duckdb.Error: the lake does not work; whether 4 has happened is not known, only the positions tell.
    """
    for _ in range(CONFLICTS):
        try:
            return _transaction(connection, rows, starts, ends)
        except duckdb.Error as error:
            if not is_conflict(error):
                raise
            roll_back(connection)
            _refuse_other_owner(connection, starts, ends)
    raise OutsideError(f"The lake refused {CONFLICTS} times: other sinks, or maintenance, commit all the time.")


def _transaction(
    connection: duckdb.DuckDBPyConnection,
    rows: Mapping[str, pa.Table],
    starts: Mapping[Place, Position],
    ends: Mapping[Place, int],
) -> None:
    crash_points.reached("lake.before-begin")
    # 1 begin
    connection.execute("BEGIN")
    crash_points.reached("lake.after-begin")
    # 2 insert the rows of each table
    for table, table_rows in rows.items():
        connection.register("new_rows", table_rows)
        connection.execute(f'INSERT INTO "{table}" BY NAME SELECT * FROM new_rows')
        connection.unregister("new_rows")
    crash_points.reached("lake.after-insert")
    # 3 move the positions
    if positions.move(connection, starts, ends) != len(ends):
        roll_back(connection)
        _refuse_other_owner(connection, starts, ends)
    crash_points.reached("lake.after-move")
    # 4 commit
    connection.execute("COMMIT")
    crash_points.reached("lake.after-commit")


def _refuse_other_owner(
    connection: duckdb.DuckDBPyConnection, starts: Mapping[Place, Position], ends: Mapping[Place, int]
) -> None:
    kept = positions.read(connection, {topic for topic, _ in ends})
    for place in ends:
        if kept.get(place) != starts[place]:
            topic, partition = place
            raise OutsideError(
                f"Another sink owns topic {topic!r} partition {partition}: it moved the lake's position from "
                f"{starts[place].next_offset} to {kept[place].next_offset if place in kept else 'none'}. "
                "Stop one of the two; nothing was stored twice."
            )
