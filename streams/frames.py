"""Arrow tables as Kafka record values: one IPC stream with lz4 (decision D8). Pure."""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa

FRAME_ROWS = 100_000
"""Rows in one frame at most: a few MB, far below the topics' limit."""

_OPTIONS = pa.ipc.IpcWriteOptions(compression="lz4")


def frames(table: pa.Table) -> Iterator[bytes]:
    """The table in frames of at most FRAME_ROWS rows; no rows give no frame."""
    for start in range(0, table.num_rows, FRAME_ROWS):
        yield frame(table.slice(start, FRAME_ROWS))


def frame(table: pa.Table) -> bytes:
    """One frame."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema, options=_OPTIONS) as writer:
        writer.write_table(table)
    return bytes(sink.getvalue())


def read_schema(value: bytes) -> pa.Schema:
    """The schema of the table in a frame; nothing is unpacked."""
    with pa.ipc.open_stream(value) as reader:
        return reader.schema


def read_columns(value: bytes, count: int) -> pa.Table:
    """The first columns of the table in a frame; the others are not unpacked."""
    options = pa.ipc.IpcReadOptions(included_fields=list(range(count)))
    with pa.ipc.open_stream(value, options=options) as reader:
        return reader.read_all()


def read_frame(value: bytes) -> pa.Table:
    """The table in a frame."""
    with pa.ipc.open_stream(value) as reader:
        return reader.read_all()
