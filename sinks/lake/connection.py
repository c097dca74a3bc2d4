"""DuckDB with the lake attached as `lake` and set as default: for the sink to write, for everybody else to read.

The extensions come from wheels and carry DuckDB's signature, so nothing is downloaded and unsigned code stays refused.
"""

from __future__ import annotations

import importlib.util
import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb
import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from schemas.errors import OutsideError, UnreachableError, UsageError
from sinks.lake import storage
from sinks.lake.doubt import Way

LAKE = "lake"
EXTENSIONS = ("ducklake", "postgres_scanner")
REMOTE_EXTENSION = "httpfs"
"""Loaded where the files are on S3."""
INLINED_ROWS = 200
"""Inserts of at most this many rows go into the catalogue instead of a Parquet file of their own. Measured: 100 rows
take 43 ms inlined and 37 ms as a file; 1,000 rows take 500 ms inlined."""
DEFAULT_MEMORY = "2GB"
ANSWER_WITHIN_S = 10
LOCKED_S = 10
"""Longest that a commit waits for another one: DuckLake holds a row of the catalogue while it commits."""
AT_WORK_S = 6 * 3600
"""Longest that a transaction may leave the catalogue unasked: rewriting a large table is one."""
_FOUND_GONE = {
    "keepalives_idle": "10",
    "keepalives_interval": "5",
    "keepalives_count": "3",
    "tcp_user_timeout": "30000",
}
_LEFT_ALONE = "-c tcp_keepalives_idle=10 -c tcp_keepalives_interval=5 -c tcp_keepalives_count=3"
_SECRETS = ("password", "sslpassword")
_UNREACHABLE = re.compile(
    r"postgres|connection|ssl"
    r"|failed to execute query \"rollback\""  # nothing but a lost connection makes one fail
    r"|could not connect|error for http |http (code )?(429|5\d\d)"
    r"|no space left|disk quota"
    r"|lock timeout|deadlock"  # a commit that waits for a frozen one
)
"""What errors say that may be gone later: those of the catalogue, of S3, and of a full disk."""
_LENGTHY = re.compile(r"(?<=execute query )\".*\"(?=: .)| Stack Trace: .*")
"""What errors quote for pages: all statements of a commit, and what an assertion of DuckDB went through."""


def open_writer(
    catalog: str,
    files: str,
    memory: str = DEFAULT_MEMORY,
    inlined_rows: int = INLINED_ROWS,
    way: Way | None = None,
    at_work_s: int = AT_WORK_S,
) -> duckdb.DuckDBPyConnection:
    """A connection that may write; the lake is created when the catalogue has none.

    Everybody's commits wait for one that has begun. So the catalogue ends a transaction whose process is frozen, or
    whose machine has gone; settings in the address's own `options` come before these.

    Args:
        catalog: PostgreSQL address (`postgresql://...` or `host=... dbname=...`) of the catalogue's database.
        files: Directory, or S3 prefix, of the Parquet files.
        memory: Most memory DuckDB takes, in its own spelling (`2GB`).
        inlined_rows: Inserts and deletions of at most so many rows go into the catalogue.
        way: To the files, for a connection that commits with it; its catalogue of files has other paths. Without one
            only what writes no file may be done in the lake of others.
        at_work_s: Longest that a transaction may leave the catalogue unasked before the catalogue ends it.
    Raises:
        UnreachableError: the catalogue does not answer.
        OutsideError: it answers, and refuses.
    """
    known = _place_in_catalogue(catalog)
    place, option = _place(known, files), f"DATA_INLINING_ROW_LIMIT {inlined_rows:d}"
    limits = f"{_LEFT_ALONE} -c lock_timeout={LOCKED_S}s -c idle_in_transaction_session_timeout={at_work_s:d}s"
    address, _ = catalogue_parts(lasting(catalog, limits))
    if way is None:
        return _open(catalog, place, memory, option, address)
    if known is None:  # a new lake keeps the name of its place, not of the way to it
        _open(catalog, place, memory, option, address).close()
    return _open(catalog, way.to(place), memory, f"OVERRIDE_DATA_PATH true, {option}", address)


def open_reader(
    catalog: str, files: str, memory: str = DEFAULT_MEMORY, as_of: int | None = None
) -> duckdb.DuckDBPyConnection:
    """A connection that can only read, each statement (or transaction) one snapshot of the lake.

    Args:
        as_of: Number of the only snapshot that it sees; None: always the newest.
    Raises:
        UnreachableError: the catalogue does not answer.
        OutsideError: it holds no lake yet, or one with other files, or not that snapshot (any more).
    """
    known = _place_in_catalogue(catalog)
    if known is None:
        address, _ = catalogue_parts(catalog)
        raise OutsideError(f"The catalogue {address!r} holds no lake yet: `vaxel run` or `vaxel sink lake` makes one.")
    option = "READ_ONLY" if as_of is None else f"READ_ONLY, SNAPSHOT_VERSION {as_of:d}"
    return _open(catalog, _place(known, files), memory, option)


def exists(catalog: str) -> bool:
    """Whether the catalogue holds a lake.

    Raises:
        UnreachableError: the catalogue does not answer.
    """
    return _place_in_catalogue(catalog) is not None


def lasting(catalog: str, limits: str = _LEFT_ALONE) -> str:
    """The address for a connection that stays: each end finds out within a minute that the other has gone.

    Args:
        limits: Settings of the session, as `options` of an address has them.
    """
    wanted = _parts(catalog)
    options = f"{limits} {wanted.pop('options', '')}".strip()
    answers = {"connect_timeout": str(ANSWER_WITHIN_S)}
    return make_conninfo("", **{**answers, **_FOUND_GONE, **wanted, "options": options})


def _place_in_catalogue(catalog: str) -> str | None:
    """Where the files are as the catalogue says; None when it holds no lake yet."""
    with answering(catalog), psycopg.connect(catalog, connect_timeout=ANSWER_WITHIN_S) as connection:
        row = connection.execute("SELECT to_regclass('ducklake_metadata') IS NOT NULL").fetchone()
        if row is None or not row[0]:
            return None
        row = connection.execute("SELECT value FROM ducklake_metadata WHERE key = 'data_path'").fetchone()
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
    return place.rstrip("/") if storage.is_remote(place) else str(Path(place).resolve())


@contextmanager
def answering(catalog: str) -> Iterator[None]:
    """Turns what PostgreSQL's client says inside, when the catalogue does not answer, into the error that it is."""
    address, _ = catalogue_parts(catalog)
    try:
        yield
    except psycopg.OperationalError as error:
        raise UnreachableError(
            f"The lake's catalogue {address!r} does not answer: {' '.join(str(error).split())}"
        ) from error


@contextmanager
def outside(doing: str) -> Iterator[None]:
    """Turns DuckDB's and the system's errors inside into the outside errors they are."""
    try:
        yield
    except duckdb.Error as error:
        raise outside_error(error, doing) from error
    except OSError as error:
        raise OutsideError(f"Cannot {doing}: {' '.join(str(error).split())}") from error


def outside_error(error: duckdb.Error, doing: str) -> OutsideError:
    """The error of an outside system behind a DuckDB error, in one line."""
    text = " ".join(str(error).split())
    # A catalogue that stops in the middle of an answer can leave DuckDB at odds with itself; a new connection is not.
    broken = isinstance(error, duckdb.FatalException | duckdb.InternalException)
    unreachable = broken or _UNREACHABLE.search(text.lower()) is not None
    return (UnreachableError if unreachable else OutsideError)(f"Cannot {doing}: {_LENGTHY.sub('', text)}")


def catalogue_parts(catalog: str) -> tuple[str, str]:
    """The address without any password, and the password (empty without one).

    Raises:
        UsageError: not an address of a PostgreSQL database.
    """
    parts = _parts(catalog)
    secrets = {name: parts.pop(name, "") for name in _SECRETS}
    return make_conninfo("", **parts), secrets["password"]


def key_password_of(catalog: str) -> str:
    """The password of the client's key that the address gives; empty without one."""
    return _parts(catalog).get("sslpassword", "")


def _parts(catalog: str) -> dict[str, str]:
    try:
        return {key: str(value) for key, value in conninfo_to_dict(catalog).items()}
    except psycopg.ProgrammingError:
        # Its text may quote the address, password included.
        raise UsageError(
            "Cannot read the address of the lake's catalogue: expected postgresql://user:password@host:port/database "
            "or host=... dbname=..."
        ) from None


def _open(catalog: str, place: str, memory: str, option: str, address: str | None = None) -> duckdb.DuckDBPyConnection:
    """Args: address: With more settings than the catalogue's own, without passwords."""
    shown, _ = catalogue_parts(catalog)
    address = shown if address is None else address
    remote = storage.from_env(place, os.environ) if storage.is_remote(place) else None
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
        for extension in (*EXTENSIONS, *((REMOTE_EXTENSION,) if remote else ())):
            connection.execute(f"LOAD {_quoted(str(_extension_file(extension)))}")
        connection.execute("SET TimeZone = 'UTC'")
        # Passwords go into a secret: an attached path is shown in errors and to whoever asks duckdb_databases().
        secrets = ", ".join(f"{name} {_quoted(_parts(catalog).get(name, ''))}" for name in _SECRETS)
        connection.execute(f"CREATE SECRET vaxel_catalogue (TYPE postgres, {secrets})")
        if remote is not None:
            for name, value in storage.settings(remote).items():
                connection.execute(f"SET {name} = {_literal(value)}")
            options = ", ".join(f"{name} {_literal(value)}" for name, value in storage.secret_options(remote).items())
            connection.execute(f"CREATE SECRET vaxel_files (TYPE s3, {options})")
        connection.execute(
            f"ATTACH {_quoted('ducklake:postgres:' + address)} AS {LAKE} "
            f"(DATA_PATH {_quoted(place)}, META_SECRET 'vaxel_catalogue', {option})"
        )
        connection.execute(f"USE {LAKE}")
    except duckdb.Error as error:
        raise outside_error(error, f"open the lake at {shown!r}") from error
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


def _literal(value: str | bool) -> str:
    return str(value).lower() if isinstance(value, bool) else _quoted(value)


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
