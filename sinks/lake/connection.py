"""DuckDB with the lake attached as `lake` and set as default: for the sink to write, for everybody else to read.

The extensions come from wheels and carry DuckDB's signature, so nothing is downloaded and unsigned code stays refused.
"""

from __future__ import annotations

import importlib.util
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb
import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from schemas.errors import OutsideError, UnreachableError, UsageError

LAKE = "lake"
EXTENSIONS = ("ducklake", "postgres_scanner")
INLINED_ROWS = 200
"""Inserts of at most this many rows go into the catalogue instead of a Parquet file of their own. Measured: 100 rows
take 43 ms inlined and 37 ms as a file; 1,000 rows take 500 ms inlined."""
DEFAULT_MEMORY = "2GB"
ANSWER_WITHIN_S = 10
_UNREACHABLE = ("postgres", "connection", "ssl", 'failed to execute query "rollback"')
"""Words in errors that come from the catalogue; errors of files and of SQL have none of them."""


def open_writer(catalog: str, files: str, memory: str = DEFAULT_MEMORY) -> duckdb.DuckDBPyConnection:
    """A connection that may write; the lake is created when the catalogue has none.

    Args:
        catalog: PostgreSQL address (`postgresql://...` or `host=... dbname=...`) of the catalogue's database.
        files: Directory, or S3 prefix, of the Parquet files.
        memory: Most memory DuckDB takes, in its own spelling (`2GB`).
    Raises:
        UnreachableError: the catalogue does not answer.
        OutsideError: it answers, and refuses.
    """
    place = _place(_place_in_catalogue(catalog), files)
    return _open(catalog, place, memory, f"DATA_INLINING_ROW_LIMIT {INLINED_ROWS}")


def open_reader(catalog: str, files: str, memory: str = DEFAULT_MEMORY) -> duckdb.DuckDBPyConnection:
    """A connection that can only read, each statement (or transaction) one snapshot of the lake.

    Raises:
        UnreachableError: the catalogue does not answer.
        OutsideError: it holds no lake yet, or one with other files.
    """
    known = _place_in_catalogue(catalog)
    if known is None:
        address, _ = catalogue_parts(catalog)
        raise OutsideError(f"The catalogue {address!r} holds no lake yet: `vaxel run` or `vaxel sink lake` makes one.")
    return _open(catalog, _place(known, files), memory, "READ_ONLY")


def exists(catalog: str) -> bool:
    """Whether the catalogue holds a lake.

    Raises:
        UnreachableError: the catalogue does not answer.
    """
    return _place_in_catalogue(catalog) is not None


def _place_in_catalogue(catalog: str) -> str | None:
    """Where the files are as the catalogue says; None when it holds no lake yet."""
    address, _ = catalogue_parts(catalog)
    try:
        with psycopg.connect(catalog, connect_timeout=ANSWER_WITHIN_S) as connection:
            row = connection.execute("SELECT to_regclass('ducklake_metadata') IS NOT NULL").fetchone()
            if row is None or not row[0]:
                return None
            row = connection.execute("SELECT value FROM ducklake_metadata WHERE key = 'data_path'").fetchone()
    except psycopg.OperationalError as error:
        raise UnreachableError(
            f"The lake's catalogue {address!r} does not answer: {' '.join(str(error).split())}"
        ) from error
    return None if row is None else str(row[0])


def _place(known: str | None, files: str) -> str:
    """The place of the files in the catalogue's own spelling, since DuckLake compares letters.

    Args:
        known: As the catalogue has it.
    Raises:
        OutsideError: the catalogue's files are elsewhere.
    """
    if known is None:
        return _spelled(files)
    if _spelled(known) != _spelled(files):
        raise OutsideError(
            f"The lake's files are in {known!r}, not in {files!r}, its catalogue says. Name that place "
            "(VAXEL_LAKE_FILES, or --data-dir); if the files were moved, link it to the new one (ln -s NEW OLD)."
        )
    return known


def _spelled(place: str) -> str:
    return place.rstrip("/") if "://" in place else str(Path(place).resolve())


@contextmanager
def outside(doing: str) -> Iterator[None]:
    """Turns DuckDB's errors inside into the outside errors they are."""
    try:
        yield
    except duckdb.Error as error:
        raise outside_error(error, doing) from error


def outside_error(error: duckdb.Error, doing: str) -> OutsideError:
    """The error of an outside system behind a DuckDB error, in one line."""
    text = " ".join(str(error).split())
    unreachable = any(sign in text.lower() for sign in _UNREACHABLE)
    return (UnreachableError if unreachable else OutsideError)(f"Cannot {doing}: {text}")


def catalogue_parts(catalog: str) -> tuple[str, str]:
    """The address without its password, and the password (empty without one).

    Raises:
        UsageError: not an address of a PostgreSQL database.
    """
    try:
        parts = {key: str(value) for key, value in conninfo_to_dict(catalog).items()}
    except psycopg.ProgrammingError:
        # Its text may quote the address, password included.
        raise UsageError(
            "Cannot read the address of the lake's catalogue: expected postgresql://user:password@host:port/database "
            "or host=... dbname=..."
        ) from None
    password = parts.pop("password", "")
    return make_conninfo("", **parts), password


def _open(catalog: str, place: str, memory: str, option: str) -> duckdb.DuckDBPyConnection:
    address, password = catalogue_parts(catalog)
    temporary = Path(tempfile.gettempdir()) / f"vaxel-duckdb-{os.getpid()}"
    try:
        connection = duckdb.connect(
            config={
                "memory_limit": memory,
                "temp_directory": str(temporary),
                "autoinstall_known_extensions": False,
                "autoload_known_extensions": False,
            }
        )
        for extension in EXTENSIONS:
            connection.execute(f"LOAD {_quoted(str(_extension_file(extension)))}")
        connection.execute("SET TimeZone = 'UTC'")
        # The password goes into a secret: an attached path is shown in errors and to whoever asks duckdb_databases().
        connection.execute(f"CREATE SECRET vaxel_catalogue (TYPE postgres, PASSWORD {_quoted(password)})")
        connection.execute(
            f"ATTACH {_quoted('ducklake:postgres:' + address)} AS {LAKE} "
            f"(DATA_PATH {_quoted(place)}, META_SECRET 'vaxel_catalogue', {option})"
        )
        connection.execute(f"USE {LAKE}")
    except duckdb.Error as error:
        raise outside_error(error, f"open the lake at {address!r}") from error
    return connection


def _extension_file(name: str) -> Path:
    spec = importlib.util.find_spec(f"duckdb_extension_{name}")
    roots = [] if spec is None else list(spec.submodule_search_locations or [])
    for root in roots:
        file = Path(root) / "extensions" / f"v{duckdb.__version__}" / f"{name}.duckdb_extension"
        if file.exists():
            return file
    raise UsageError(
        f"DuckDB {duckdb.__version__} lacks its extension {name!r}: looked in {roots or 'no package'}. "
        f"Install duckdb-extension-{name.replace('_', '-')}=={duckdb.__version__}."
    )


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
