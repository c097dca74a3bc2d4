"""What is in a file that stands in the place of another one (see `stand_in`)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

MAGIC_BYTES = 4
"""`PAR1` at both ends; before the last one, four bytes tell how long the footer is."""
ROW_ID = ("_ducklake_internal_row_id", 2_147_483_540)
SNAPSHOT_ID = ("_ducklake_internal_snapshot_id", 2_147_483_539)
"""Name and number of the columns that a merged file has besides its table's: DuckLake reads them to delete."""
_DELETIONS = (("file_path", 2_147_483_546, pa.string()), ("pos", 2_147_483_545, pa.int64()))
_MARK = {b"vaxel": b"stand-in"}


def parquet(
    column_ids: Mapping[str, int], row_count: int, readable: Mapping[tuple[str, int], int]
) -> tuple[bytes, int]:
    """The file, and the length of its footer in bytes.

    Args:
        column_ids: Number of each column of the table, by which DuckLake finds it; none of them can be read.
        readable: Columns that can, each with the value of its rows; row ids count up.
    """
    broken = [_field(name, number, pa.int8()) for name, number in column_ids.items()]
    whole_columns = [_field(*column, pa.int64()) for column in readable]
    schema = pa.schema([*broken, *whole_columns], metadata=_MARK)
    values = [pa.nulls(row_count, pa.int8()) for _ in broken]
    values += [
        pa.array(range(row_count), pa.int64()) if column == ROW_ID else pa.repeat(pa.scalar(value), row_count)
        for column, value in readable.items()
    ]
    sink = pa.BufferOutputStream()
    pq.write_table(
        pa.table(values, schema=schema),
        sink,
        compression="none",
        use_dictionary=False,
        write_statistics=False,
        row_group_size=max(row_count, 1),
    )
    content = bytearray(sink.getvalue())
    metadata = pq.read_metadata(pa.BufferReader(bytes(content)))
    for group in range(metadata.num_row_groups):
        for index in range(len(broken)):
            chunk = metadata.row_group(group).column(index)
            start, length = chunk.data_page_offset, chunk.total_compressed_size
            content[start : start + length] = b"\xff" * length
    return bytes(content), _footer_bytes(bytes(content))


def _field(name: str, number: int, kind: pa.DataType) -> pa.Field:
    return pa.field(name, kind, metadata={b"PARQUET:field_id": str(number).encode()})


def no_deletions() -> tuple[bytes, int]:
    """A list of no deletions, and the length of its footer in bytes."""
    schema = pa.schema([_field(*column) for column in _DELETIONS], metadata=_MARK)
    sink = pa.BufferOutputStream()
    pq.write_table(schema.empty_table(), sink, compression="none")
    content = sink.getvalue().to_pybytes()
    return content, _footer_bytes(content)


def is_stand_in(path: Path) -> bool:
    """Whether what lies there was made here; not where nothing does, or nothing that opens."""
    try:
        metadata = pq.read_schema(path).metadata or {}
    except (OSError, pa.ArrowException):
        return False
    return metadata.items() >= _MARK.items()


def _footer_bytes(content: bytes) -> int:
    return int.from_bytes(content[-2 * MAGIC_BYTES : -MAGIC_BYTES], "little")
