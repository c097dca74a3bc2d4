"""What is wrong with one Parquet file of the lake: missing, cut, changed, unreadable, or other values than said."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb

from sinks.lake import digests
from sinks.lake.connection import LAKE
from sinks.lake.files import ColumnBounds, LakeFile
from sinks.lake.storage import is_remote

EXACTLY_BOUNDED = ("BIGINT", "INTEGER", "SMALLINT", "TINYINT", "TIMESTAMP", "DATE", "BOOLEAN")
"""Types of which the catalogue keeps the exact least and greatest value; of long texts it may keep a shorter one."""


@dataclass(frozen=True)
class Examined:
    """What was found.

    Attributes:
        fault: What is wrong, in one line; empty when nothing is.
        sha256: Of the file, where it was taken.
        opens: Whether its footer can be read: without it, DuckLake cannot even delete what is in the file.
    """

    fault: str = ""
    sha256: str = ""
    opens: bool = True


def examine(reader: duckdb.DuckDBPyConnection, file: LakeFile, known_sha256: str | None, *, deep: bool) -> Examined:
    """Looks at every byte of the file if its digest is known, else (or when deep) reads every value of it, too.

    A file without a digest is compared with what the catalogue knows of its values; a change that stays within the
    bounds of its column, and decodes, is not found then.

    Args:
        reader: A connection that reaches the files.
        known_sha256: As it was after the file had been written.
    """
    try:
        size_bytes = _size(reader, file.path)
        if size_bytes is None:
            return Examined("the file is missing", opens=False)
        if size_bytes != file.size_bytes:
            fault = f"the file has {size_bytes:,} bytes, the catalogue says {file.size_bytes:,}"
            return Examined(fault, opens=_opens(reader, file))
        found = digests.digest(reader, file.path)
        if known_sha256 is not None and found != known_sha256:
            fault = "bytes have changed since it was written (its SHA-256 is another)"
            return Examined(fault, found, opens=_opens(reader, file))
        fault = _misread(reader, file) if deep or known_sha256 is None else ""
        return Examined(fault, found, opens=fault == "" or _opens(reader, file))
    except (OSError, duckdb.Error) as error:
        return Examined(f"cannot be read: {_line(error)}", opens=_opens(reader, file))


def glance(reader: duckdb.DuckDBPyConnection, file: LakeFile) -> Examined:
    """Looks at size and footer only."""
    try:
        size_bytes = _size(reader, file.path)
    except (OSError, duckdb.Error) as error:
        return Examined(f"cannot be read: {_line(error)}", opens=False)
    if size_bytes is None:
        return Examined("the file is missing", opens=False)
    opens = _opens(reader, file)
    if size_bytes != file.size_bytes:
        return Examined(f"the file has {size_bytes:,} bytes, the catalogue says {file.size_bytes:,}", opens=opens)
    return Examined("" if opens else "its footer cannot be read", opens=opens)


def empty_columns(files: Sequence[LakeFile]) -> list[str]:
    """Columns without any value in all of these files, as the catalogue knows it."""
    return [
        name
        for name in files[0].bounds
        if all(name in file.bounds and file.bounds[name].nulls == file.row_count for file in files)
    ]


def other_values(
    connection: duckdb.DuckDBPyConnection, table: str, names: Collection[str], files: Sequence[LakeFile]
) -> str:
    """In which of these columns the table has values that none of the files can have had, in words; or empty.

    Files without deleted rows had their least and greatest values: the table must have them too.
    """
    shape = connection.execute(f"DESCRIBE {table}").fetchall()
    types = {str(name): str(kind) for name, kind, *_ in shape if name in names and kind in EXACTLY_BOUNDED}
    for name, kind in types.items():
        bounds = [(file.bounds[name].least, file.bounds[name].greatest) for file in files if name in file.bounds]
        if len(bounds) < len(files) or any(None in pair for pair in bounds):
            continue
        row = connection.execute(
            f"FROM (SELECT min({_name(name)}), max({_name(name)}) FROM {table}), "
            f"(SELECT min(least::{kind}), max(greatest::{kind}) FROM (SELECT unnest(?) least, unnest(?) greatest))",
            [[least for least, _ in bounds], [greatest for _, greatest in bounds]],
        ).fetchone()
        assert row is not None, "an aggregate has a row"
        least, greatest, known_least, known_greatest = row
        is_exact = not any(file.deleted for file in files)
        if least < known_least or greatest > known_greatest or (is_exact and row[:2] != row[2:]):
            return (
                f"{name} goes from {least} to {greatest}, in the files it went from {known_least} to {known_greatest}"
            )
    return ""


def _size(reader: duckdb.DuckDBPyConnection, path: str) -> int | None:
    """Bytes of the file; None when it is not there."""
    if is_remote(path):
        row = reader.execute("SELECT size FROM read_blob(?)", [path]).fetchone() if _is_listed(reader, path) else None
        return None if row is None else int(row[0])
    try:
        return Path(path).stat().st_size
    except FileNotFoundError:
        return None


def _is_listed(reader: duckdb.DuckDBPyConnection, path: str) -> bool:
    return bool(reader.execute("SELECT count(*) FROM glob(?)", [path]).fetchone() != (0,))


def _opens(reader: duckdb.DuckDBPyConnection, file: LakeFile) -> bool:
    if not file.path.endswith(".parquet"):
        return True  # deletes may be a bitmap (Puffin), which has no such footer
    try:
        reader.execute("SELECT count(*) FROM parquet_schema(?)", [file.path]).fetchone()
        counted = reader.execute("SELECT count(*) FROM read_parquet(?)", [file.path]).fetchone()
    except (OSError, duckdb.Error):
        return False
    return file.kind == "delete" or counted == (file.row_count,)


def _misread(reader: duckdb.DuckDBPyConnection, file: LakeFile) -> str:
    """Reads every value; what differs from the catalogue, or empty."""
    if not file.path.endswith(".parquet"):
        return ""
    shape = reader.execute("DESCRIBE SELECT * FROM read_parquet(?)", [file.path]).fetchall()
    types = {str(name): str(kind) for name, kind, *_ in shape}
    bounded = [name for name in types if name in file.bounds]
    # The hash makes DuckDB decode every value, of nested columns too.
    asked = ["count(*)", *(f"bit_xor(hash({_name(name)}))" for name in types)]
    asked += [f"count(*) - count({_name(name)})" for name in bounded]
    asked += [_outside(name, types[name], file.bounds[name]) for name in bounded]
    row = reader.execute(f"SELECT {', '.join(asked)} FROM read_parquet(?)", [file.path]).fetchone()
    assert row is not None, "an aggregate has a row"
    if row[0] != file.row_count:
        return f"{row[0]:,} rows are in it, the catalogue says {file.row_count:,}"
    nulls = row[1 + len(types) : 1 + len(types) + len(bounded)]
    outside = row[1 + len(types) + len(bounded) :]
    for name, null_count, outside_count in zip(bounded, nulls, outside, strict=True):
        expected = file.bounds[name].nulls
        if expected is not None and null_count != expected:
            return f"column {name!r} has {null_count:,} nulls, the catalogue says {expected:,}"
        if outside_count:
            return f"column {name!r} has {outside_count:,} values beyond what the catalogue says"
    return ""


def _outside(name: str, kind: str, bounds: ColumnBounds) -> str:
    """SQL for the number of values that are beyond the bounds."""
    if bounds.least is None or bounds.greatest is None or kind not in EXACTLY_BOUNDED:
        return "0"
    least, greatest = (f"'{text.replace(chr(39), chr(39) * 2)}'::{kind}" for text in (bounds.least, bounds.greatest))
    return f"count(*) FILTER ({_name(name)} NOT BETWEEN {least} AND {greatest})"


def _name(column: str) -> str:
    return '"' + column.replace('"', '""') + '"'


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:200]


def without_cache(reader: duckdb.DuckDBPyConnection) -> None:
    """Makes DuckDB read files anew each time: a cached block hides what happened to the file below it."""
    reader.execute("SET enable_external_file_cache = false")
    reader.execute(f"USE {LAKE}")
