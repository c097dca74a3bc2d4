"""Records of given offsets, read again and laid down in a table that only this connection sees."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import closing

import duckdb

from schemas.errors import UnreachableError
from schemas.lake import Input
from sinks.lake.batch import Batch
from sinks.lake.positions import Place, Position
from sinks.lake.topics import End, Reader

READ_ANEW = "read_anew"
"""The temporary table. What does not fit into DuckDB's memory goes to its temporary directory."""
BATCH_ROWS = 500_000
BATCH_BYTES = 128 * 1024 * 1024
PATIENCE_S = 60.0
POLL_S = 0.2


def lay_down(
    connection: duckdb.DuckDBPyConnection,
    kafka: str,
    entry: Input,
    spans: Mapping[Place, tuple[int, int]],
    topic_ids: Mapping[Place, str],
    progress: Callable[[int, int], None] = lambda _done, _whole: None,
) -> int:
    """Fills `READ_ANEW`, made anew, with the rows of the spans; returns their number.

    Args:
        spans: Offsets `[start, end)` by partition.
        progress: Called with offsets read, and to read.
    Raises:
        UnreachableError: Kafka gives nothing for a minute.
        OutsideError: it no longer has a record, or one cannot be read.
    """
    connection.execute(f'CREATE OR REPLACE TEMP TABLE {READ_ANEW} AS SELECT * FROM "{entry.table.name}" LIMIT 0')
    if not spans:
        return 0
    whole = sum(end - start for start, end in spans.values())
    reached = {place: start for place, (start, _) in spans.items()}
    batch, rows, heard_s = Batch({entry.topic: entry}), 0, time.monotonic()
    from_there = {place: Position(topic_ids[place], start) for place, start in reached.items()}
    with closing(Reader(kafka, from_there)) as reader:
        while any(reached[place] < end for place, (_, end) in spans.items()):
            read = reader.next(POLL_S)
            if read is None:
                if time.monotonic() - heard_s > PATIENCE_S:
                    raise UnreachableError(f"Kafka at {kafka!r} has given nothing of {entry.topic!r} for a minute.")
                continue
            heard_s = time.monotonic()
            place = read.place if isinstance(read, End) else (read.topic, read.partition)
            end = spans[place][1]
            if isinstance(read, End):
                reached[place] = end  # only transaction markers are left
            elif read.offset >= end:
                reached[place] = end
                reader.pause(place)
            else:
                batch.add(read)
                reached[place] = read.offset + 1
            if batch.row_count >= BATCH_ROWS or batch.bytes_held >= BATCH_BYTES:
                rows += _move(connection, batch)
                batch = Batch({entry.topic: entry})
                progress(whole - sum(spans[place][1] - at for place, at in reached.items()), whole)
    rows += _move(connection, batch)
    progress(whole, whole)
    return rows


def _move(connection: duckdb.DuckDBPyConnection, batch: Batch) -> int:
    count = 0
    for rows in batch.rows().values():
        connection.register("more_rows", rows)
        connection.execute(f"INSERT INTO {READ_ANEW} BY NAME SELECT * FROM more_rows")
        connection.unregister("more_rows")
        count += rows.num_rows
    return count
