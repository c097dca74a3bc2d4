"""A file in the place of one that cannot be opened, so that DuckLake can drop it. Nobody can read rows from it.

DuckLake opens each file of a table to delete from it. One that is missing, or whose footer is broken, so blocks every
deletion. The stand-in opens and has as many rows, but all its pages are broken: whoever asks for a value of it, by time
travel say, gets an error and never a wrong value. That of a list of deletions has none. So that nobody reads deleted
rows as if they were not, the file that they are of gets a stand-in, too, and first. Once the rows are out of the table,
both are given back, the list first: time travel finds what it found before.

The catalogue says a stand-in's size then. What it said before is kept beside it, so that the file itself, back from a
backup one day, is known again (`settle`).
"""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from glob import escape
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from schemas.errors import OutsideError
from sinks.lake import crash_points
from sinks.lake.care import AtWorkError, only_maintainer
from sinks.lake.files import LakeFile, catalogue
from sinks.lake.stand_in_content import ROW_ID, SNAPSHOT_ID, is_stand_in, no_deletions, parquet
from sinks.lake.storage import is_remote

ASIDE = re.compile(r"\.damaged(?:-(\d+))?$")
"""How the name of a file ends that was put aside."""
_MAKE = """
CREATE TABLE IF NOT EXISTS vaxel_stand_in (
  file_id bigint PRIMARY KEY, path text NOT NULL, kind text NOT NULL, file_size_bytes bigint NOT NULL,
  footer_size bigint NOT NULL, is_lent boolean NOT NULL
)
"""
_TABLES = {
    "data": sql.SQL("UPDATE ducklake_data_file SET {} WHERE data_file_id = {}"),
    "delete": sql.SQL("UPDATE ducklake_delete_file SET {} WHERE delete_file_id = {}"),
}


@contextmanager
def standing_in(address: str, files: Sequence[LakeFile], lent: Collection[LakeFile] = ()) -> Iterator[None]:
    """Stand-ins in the place of these files; where that or what is done inside fails, the files are as they were.

    Args:
        files: In the order in which they get their stand-ins; they are given back in the opposite one.
        lent: Those of them that are given back where it does not fail, too.
    Raises:
        OutsideError: see `put`.
    """
    done: list[LakeFile] = []
    try:
        for file in files:
            put(address, file, is_lent=file in lent)
            done.append(file)
        yield
    except BaseException:
        for file in reversed(done):
            take_away(address, file.file_id, file.kind, file.path)
        raise
    for file in reversed(done):
        if file in lent:
            take_away(address, file.file_id, file.kind, file.path)


def put(address: str, file: LakeFile, *, is_lent: bool = False) -> None:
    """Puts a stand-in where the file was, which stays beside it (see `aside_of`), if it is there.

    0 the catalogue keeps what it says of the file, 1 write the stand-in beside it, 2 put the file aside, 3 put the
    stand-in in its place, 4 the catalogue says the stand-in's size. Killed between any two, the file is still damaged,
    and doing it again does all of it. Where a step fails, the file is where it was.

    Args:
        address: Of the catalogue's database.
        is_lent: `settle` takes it away, where this process dies before it does.
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
    beside = path.with_name(path.name + ".stand-in")
    # What an earlier attempt put aside is the file, unless another one has come in the stand-in's place since.
    is_new = path.exists() and not is_stand_in(path)
    try:
        # 0 the catalogue keeps what it says of the file
        with catalogue(address) as connection:
            connection.execute(_MAKE)
            _keep(connection, file, is_lent=is_lent)
        # 1 write the stand-in beside it
        path.parent.mkdir(parents=True, exist_ok=True)
        with beside.open("wb") as written:
            written.write(content)
            written.flush()
            os.fsync(written.fileno())
        crash_points.reached("rebuild.stand-in-written")
        # 2 put the file aside
        if is_new:
            path.rename(_next_aside(path))
        crash_points.reached("rebuild.damaged-put-aside")
        # 3 put the stand-in in its place
        beside.replace(path)
        crash_points.reached("rebuild.stand-in-placed")
        # 4 the catalogue says the stand-in's size
        with catalogue(address) as connection:
            _keep(connection, file, is_lent=is_lent)
            _set_size(connection, file.file_id, file.kind, len(content), footer_bytes)
        crash_points.reached("rebuild.stand-in-told")
    except BaseException as error:
        with suppress(OSError):
            beside.unlink(missing_ok=True)
            _put_back(path)
        if isinstance(error, OSError):
            raise OutsideError(f"Cannot put a stand-in in the place of {file.path}: {error}") from error
        raise


def take_away(address: str, file_id: int, kind: str, path: str) -> None:
    """Puts the file back, or nothing where it was missing. One that has come back in between is left alone.

    Raises:
        OutsideError: it cannot be put back.
    """
    try:
        _put_back(Path(path))
    except OSError as error:
        raise OutsideError(f"Cannot put {path} back in the place of its stand-in: {error}") from error
    with catalogue(address) as connection:
        _tell_again(connection, file_id, kind)


def aside_of(path: Path) -> Path | None:
    """Where the file lies in whose place a stand-in is: `.damaged`, or that with the highest number (`.damaged-2`)."""
    found = _asides(path)
    return found[max(found)] if found else None


def _asides(path: Path) -> dict[int, Path]:
    found = {}
    for other in path.parent.glob(f"{escape(path.name)}.damaged*"):
        if ended := ASIDE.fullmatch(other.name.removeprefix(path.name)):
            found[int(ended[1] or 1)] = other
    return found


def _next_aside(path: Path) -> Path:
    number = max(_asides(path), default=0) + 1
    return path.with_name(f"{path.name}.damaged" + (f"-{number}" if number > 1 else ""))


def _put_back(path: Path) -> None:
    """Whatever is at hand: nothing is taken away that is not a stand-in."""
    aside = aside_of(path)
    if path.exists() and not is_stand_in(path):
        return
    if aside is not None:
        aside.replace(path)
    else:
        path.unlink(missing_ok=True)


def _give_back(address: str) -> None:
    """Takes away the stand-ins that only a rebuild needed which has died, unless somebody is at work here now."""
    with suppress(AtWorkError), only_maintainer(address):
        with catalogue(address) as connection:
            # Lists first: nobody may read their file without them.
            lent = connection.execute("SELECT * FROM vaxel_stand_in WHERE is_lent ORDER BY kind DESC").fetchall()
        for row in lent:
            take_away(address, row["file_id"], row["kind"], row["path"])


def settle(address: str) -> None:
    """Clears up behind a rebuild that has died, and behind whoever has put a file back in the place of its stand-in.

    The catalogue is told the size of a file that is back, from a backup say.

    Raises:
        UnreachableError: the catalogue does not answer.
        OutsideError: a file cannot be given back.
    """
    with catalogue(address) as connection:
        connection.execute(_MAKE)
        connection.execute(
            "DELETE FROM vaxel_stand_in WHERE file_id NOT IN (SELECT data_file_id FROM ducklake_data_file "
            "UNION ALL SELECT delete_file_id FROM ducklake_delete_file)"
        )
        stand_ins = connection.execute("SELECT * FROM vaxel_stand_in").fetchall()
        for row in stand_ins:
            with suppress(OSError):
                if Path(row["path"]).stat().st_size == row["file_size_bytes"]:
                    _tell_again(connection, row["file_id"], row["kind"])
    if any(row["is_lent"] for row in stand_ins):  # not else: who wants to look after the tables now needs the lock
        _give_back(address)


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


def _keep(connection: psycopg.Connection[dict[str, Any]], file: LakeFile, *, is_lent: bool) -> None:
    """What the catalogue says of the file itself; it stays where an earlier stand-in was not taken away."""
    connection.execute(
        "INSERT INTO vaxel_stand_in VALUES (%s, %s, %s, %s, %s, %s) "
        "ON CONFLICT (file_id) DO UPDATE SET is_lent = excluded.is_lent",
        [file.file_id, file.path, file.kind, file.size_bytes, file.footer_bytes, is_lent],
    )


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
            not _has_stand_in(connection, file_id)
        )
    connection.execute(_TABLES[kind].format(to, file_id))


def _has_stand_in(connection: psycopg.Connection[dict[str, Any]], file_id: int) -> bool:
    return connection.execute("SELECT 1 FROM vaxel_stand_in WHERE file_id = %s", [file_id]).fetchone() is not None
