"""A file in the place of one that cannot be opened, so that DuckLake can drop it. Nobody can read rows from it.

DuckLake opens each file of a table to delete from it. One that is missing, or whose footer is broken, so blocks every
deletion. The stand-in opens and has as many rows, but all its pages are broken: whoever asks for a value of it, by time
travel say, gets an error and never a wrong value. That of a list of deletions has none, so put one in the place of the
file that they are of, first.

The catalogue says a stand-in's size then. What it said before is kept beside it, so that the file itself, back from a
backup one day, is known again (`settle`).
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psycopg
import pyarrow as pa
import pyarrow.parquet as pq
from psycopg import sql

from schemas.errors import OutsideError
from sinks.lake import crash_points
from sinks.lake.files import LakeFile, catalogue
from sinks.lake.storage import is_remote

MAGIC_BYTES = 4
"""`PAR1` at both ends; before the last one, four bytes tell how long the footer is."""
ROW_ID = ("_ducklake_internal_row_id", 2_147_483_540)
SNAPSHOT_ID = ("_ducklake_internal_snapshot_id", 2_147_483_539)
"""Name and number of the columns that a merged file has besides its table's: DuckLake reads them to delete."""
_DELETIONS = (("file_path", 2_147_483_546, pa.string()), ("pos", 2_147_483_545, pa.int64()))
_MAKE = """
CREATE TABLE IF NOT EXISTS vaxel_stand_in (
  file_id bigint PRIMARY KEY, path text NOT NULL, kind text NOT NULL, file_size_bytes bigint NOT NULL,
  footer_size bigint NOT NULL
)
"""
_TABLES = {
    "data": sql.SQL("UPDATE ducklake_data_file SET {} WHERE data_file_id = {}"),
    "delete": sql.SQL("UPDATE ducklake_delete_file SET {} WHERE delete_file_id = {}"),
}


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
    return bytes(content), _footer_bytes(bytes(content))


def _field(name: str, number: int, kind: pa.DataType) -> pa.Field:
    return pa.field(name, kind, metadata={b"PARQUET:field_id": str(number).encode()})


def no_deletions() -> tuple[bytes, int]:
    """A list of no deletions, and the length of its footer in bytes."""
    schema = pa.schema([_field(*column) for column in _DELETIONS])
    sink = pa.BufferOutputStream()
    pq.write_table(schema.empty_table(), sink, compression="none")
    content = sink.getvalue().to_pybytes()
    return content, _footer_bytes(content)


@contextmanager
def standing_in(address: str, files: Sequence[LakeFile]) -> Iterator[None]:
    """Stand-ins in the place of these files; where that or what is done inside fails, the files are as they were.

    Raises:
        OutsideError: see `put`.
    """
    done: list[LakeFile] = []
    try:
        for file in files:
            put(address, file)
            done.append(file)
        yield
    except BaseException:
        for file in done:
            take_away(address, file)
        raise


def put(address: str, file: LakeFile) -> None:
    """Puts a stand-in where the file was, which stays beside it as `.damaged`, if it is there.

    1 write the stand-in beside it, 2 put the damaged file aside, 3 put the stand-in in its place, 4 tell the catalogue
    its size. Killed between any two, the file is still damaged, and doing it again does all of it. Where a step fails,
    the file is where it was.

    Args:
        address: Of the catalogue's database.
    Raises:
        OutsideError: the file is not in a directory of this machine, or the stand-in cannot be written.
        UnreachableError: the catalogue does not answer.
    """
    if is_remote(file.path):
        raise OutsideError(
            f"Cannot drop the rows of {file.path}: on S3, nothing is put in a damaged object's place. Restore the "
            "object: in a bucket with versions, copy its version of before over it or remove the delete marker; else "
            "put it back from a backup of the bucket. Then `vaxel lake check` tells whether it is what it was."
        )
    content, footer_bytes = no_deletions() if file.kind == "delete" else _rows_of(address, file)
    path = Path(file.path)
    beside, aside = path.with_name(path.name + ".stand-in"), path.with_name(path.name + ".damaged")
    is_new = path.exists() and not aside.exists()
    try:
        # 1 write the stand-in beside it
        path.parent.mkdir(parents=True, exist_ok=True)
        with beside.open("wb") as written:
            written.write(content)
            written.flush()
            os.fsync(written.fileno())
        crash_points.reached("rebuild.stand-in-written")
        # 2 put the damaged file aside; what an earlier attempt put there is the damaged one
        if is_new:
            path.rename(aside)
        crash_points.reached("rebuild.damaged-put-aside")
        # 3 put the stand-in in its place
        beside.replace(path)
        crash_points.reached("rebuild.stand-in-placed")
        # 4 tell the catalogue its size
        _tell(address, file, len(content), footer_bytes)
        crash_points.reached("rebuild.stand-in-told")
    except BaseException as error:
        with suppress(OSError):
            beside.unlink(missing_ok=True)
            if aside.exists():
                if is_new:
                    aside.replace(path)
            elif not is_new:  # the file was missing
                path.unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise OutsideError(f"Cannot put a stand-in in the place of {file.path}: {error}") from error
        raise


def take_away(address: str, file: LakeFile) -> None:
    """Puts the damaged file back, or nothing where it was missing, when it cannot be restored after all.

    Args:
        file: In whose place `put` has put a stand-in.
    """
    path = Path(file.path)
    aside = path.with_name(path.name + ".damaged")
    if aside.exists():
        aside.replace(path)
    else:
        path.unlink(missing_ok=True)
    with catalogue(address) as connection:
        _tell_again(connection, file.file_id, file.kind)


def settle(address: str) -> None:
    """Tells the catalogue the size of each file that is back in the place of its stand-in, from a backup say.

    Raises:
        UnreachableError: the catalogue does not answer.
    """
    with catalogue(address) as connection:
        connection.execute(_MAKE)
        connection.execute(
            "DELETE FROM vaxel_stand_in WHERE file_id NOT IN (SELECT data_file_id FROM ducklake_data_file "
            "UNION ALL SELECT delete_file_id FROM ducklake_delete_file)"
        )
        for row in connection.execute("SELECT * FROM vaxel_stand_in").fetchall():
            with suppress(OSError):
                if Path(row["path"]).stat().st_size == row["file_size_bytes"]:
                    _tell_again(connection, row["file_id"], row["kind"])


def _rows_of(address: str, file: LakeFile) -> tuple[bytes, int]:
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
    return parquet({row["column_name"]: row["column_id"] for row in rows}, file.row_count, readable)


def _footer_bytes(content: bytes) -> int:
    return int.from_bytes(content[-2 * MAGIC_BYTES : -MAGIC_BYTES], "little")


def _tell(address: str, file: LakeFile, size_bytes: int, footer_bytes: int) -> None:
    """Tells the stand-in's size. What is kept of the file itself stays where an earlier stand-in was not taken away."""
    with catalogue(address) as connection:
        connection.execute(_MAKE)
        connection.execute(
            "INSERT INTO vaxel_stand_in VALUES (%s, %s, %s, %s, %s) ON CONFLICT DO NOTHING",
            [file.file_id, file.path, file.kind, file.size_bytes, file.footer_bytes],
        )
        _set_size(connection, file.file_id, file.kind, size_bytes, footer_bytes)


def _tell_again(connection: psycopg.Connection[dict[str, Any]], file_id: int, kind: str) -> None:
    """Tells what was said of the file before."""
    row = connection.execute("DELETE FROM vaxel_stand_in WHERE file_id = %s RETURNING *", [file_id]).fetchone()
    if row is not None:
        _set_size(connection, file_id, kind, row["file_size_bytes"], row["footer_size"])


def _set_size(
    connection: psycopg.Connection[dict[str, Any]], file_id: int, kind: str, size_bytes: int, footer_bytes: int
) -> None:
    to = sql.SQL("file_size_bytes = {}, footer_size = {}").format(size_bytes, footer_bytes)
    if kind == "delete":
        # A stand-in is Parquet, whatever the list was; the list itself tells by its name.
        to += sql.SQL(", format = CASE WHEN path LIKE '%.puffin' AND {} THEN 'puffin' ELSE 'parquet' END").format(
            not _is_stand_in(connection, file_id)
        )
    connection.execute(_TABLES[kind].format(to, file_id))


def _is_stand_in(connection: psycopg.Connection[dict[str, Any]], file_id: int) -> bool:
    return connection.execute("SELECT 1 FROM vaxel_stand_in WHERE file_id = %s", [file_id]).fetchone() is not None
