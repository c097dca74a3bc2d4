"""A file in the place of one that cannot be opened, so that DuckLake can drop it. Nobody can read rows from it.

DuckLake opens each file of a table to delete from it. One that is missing, or whose footer is broken, so blocks every
deletion. The stand-in opens and has as many rows, but all its pages are broken: whoever asks for a value of it, by time
travel say, gets an error and never a wrong value.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from schemas.errors import OutsideError
from sinks.lake import crash_points
from sinks.lake.files import LakeFile, catalogue
from sinks.lake.storage import is_remote

MAGIC_BYTES = 4
"""`PAR1` at both ends; before the last one, four bytes tell how long the footer is."""
ROW_ID = ("_ducklake_internal_row_id", 2_147_483_540)
SNAPSHOT_ID = ("_ducklake_internal_snapshot_id", 2_147_483_539)
"""Name and number of the columns that a merged file has besides its table's: DuckLake reads them to delete."""


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
    schema = pa.schema([*broken, *whole_columns])
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
    return bytes(content), int.from_bytes(content[-2 * MAGIC_BYTES : -MAGIC_BYTES], "little")


def _field(name: str, number: int, kind: pa.DataType) -> pa.Field:
    return pa.field(name, kind, metadata={b"PARQUET:field_id": str(number).encode()})


def put(address: str, file: LakeFile) -> None:
    """Puts a stand-in where the file was, which stays beside it as `.damaged`, if it is there.

    1 write the stand-in beside it, 2 put the damaged file aside, 3 put the stand-in in its place, 4 tell the catalogue
    its size. Killed between any two, the file is still damaged, and doing it again does all of it.

    Args:
        address: Of the catalogue's database.
    Raises:
        OutsideError: the file is not in a directory of this machine.
        UnreachableError: the catalogue does not answer.
    """
    if is_remote(file.path):
        raise OutsideError(
            f"Cannot drop the rows of {file.path}: on S3, nothing is put in a damaged object's place. Restore the "
            "object: in a bucket with versions, copy its version of before over it or remove the delete marker; else "
            "put it back from a backup of the bucket. Then `vaxel lake check` tells whether it is what it was."
        )
    with catalogue(address) as connection:
        rows = connection.execute(
            "SELECT column_name, column_id, row_id_start IS NULL AS has_row_id, "
            "partial_max IS NOT NULL AS has_snapshot_id "
            "FROM ducklake_column JOIN ducklake_data_file USING (table_id) "
            "WHERE data_file_id = %s AND parent_column IS NULL ORDER BY column_id",
            [file.file_id],
        ).fetchall()
    readable = {}
    if any(row["has_row_id"] for row in rows):
        readable[ROW_ID] = 0
    if any(row["has_snapshot_id"] for row in rows):
        readable[SNAPSHOT_ID] = file.since
    content, footer_bytes = parquet({row["column_name"]: row["column_id"] for row in rows}, file.row_count, readable)
    path = Path(file.path)
    beside, aside = path.with_name(path.name + ".stand-in"), path.with_name(path.name + ".damaged")
    # 1 write the stand-in beside it
    path.parent.mkdir(parents=True, exist_ok=True)
    with beside.open("wb") as written:
        written.write(content)
        written.flush()
        os.fsync(written.fileno())
    crash_points.reached("rebuild.stand-in-written")
    # 2 put the damaged file aside; what an earlier attempt put there is the damaged one
    if path.exists() and not aside.exists():
        path.rename(aside)
    crash_points.reached("rebuild.damaged-put-aside")
    # 3 put the stand-in in its place
    beside.replace(path)
    crash_points.reached("rebuild.stand-in-placed")
    # 4 tell the catalogue its size
    _tell(address, file, len(content), footer_bytes)
    crash_points.reached("rebuild.stand-in-told")


def take_away(address: str, file: LakeFile) -> None:
    """Puts the damaged file back, or nothing where it was missing, when it cannot be restored after all.

    Args:
        file: As it was before `put`.
    """
    path = Path(file.path)
    aside = path.with_name(path.name + ".damaged")
    if aside.exists():
        aside.replace(path)
    else:
        path.unlink(missing_ok=True)
    _tell(address, file, file.size_bytes, file.footer_bytes)


def _tell(address: str, file: LakeFile, size_bytes: int, footer_bytes: int) -> None:
    with catalogue(address) as connection:
        connection.execute(
            "UPDATE ducklake_data_file SET file_size_bytes = %s, footer_size = %s WHERE data_file_id = %s",
            [size_bytes, footer_bytes, file.file_id],
        )
