"""Runs a flow's model in DuckDB: over the lake at one snapshot, beside the record systems' tables (read-only).

In:            a flow; addresses of the lake's catalogue and of the record systems.
Out:           the rows the model produced, as it gave them, and the lake snapshot they come from.
Guarantee:     all of the model reads the same snapshot; nothing is written anywhere.
On failure:    UnreachableError when lake or record systems do not answer, OutsideError when there is no lake yet,
               UsageError when the model is not one SELECT, does not fit them, or the lake does not have the snapshot.

A model names the lake's tables and views as `lake.NAME`, those of the record systems as `records.SYSTEM.NAME`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib import resources
from tempfile import TemporaryDirectory

import duckdb
import pyarrow as pa

from schemas.errors import OutsideError, UnreachableError, UsageError
from sinks.records.database import first_line, where
from sinks.records.gear.flow import Flow

MEMORY_LIMIT = "2GB"
_NO_LAKE = "creating a new DuckLake is explicitly disabled"


def run(flow: Flow, catalog: str, records_dsn: str, snapshot: int | None = None) -> tuple[pa.Table, int]:
    """The rows that the flow's model produces, and the lake snapshot it read.

    Args:
        catalog: PostgreSQL address of the lake's catalogue.
        snapshot: Lake snapshot to read; None takes the newest.
    """
    with _attached(catalog, records_dsn, snapshot) as (connection, read):
        return _asked(connection, flow), read


def produced_columns(flow: Flow, catalog: str, records_dsn: str) -> pa.Schema:
    """Names and types of the columns that the flow's model would produce from the newest snapshot; it is not run."""
    with _attached(catalog, records_dsn, None) as (connection, _read):
        return _asked(connection, flow, 0).schema


def ask(select: str, catalog: str, records_dsn: str) -> pa.Table:
    """The answer to a question of ours about the newest snapshot and the record systems, named as models name them.

    Raises: as `run`.
    """
    with _attached(catalog, records_dsn, None) as (connection, _read):
        try:
            return connection.sql(select).to_arrow_table()
        except duckdb.Error as error:
            raise UnreachableError(f"What the lake was asked stopped: {first_line(error)}") from error


def newest_snapshot(catalog: str) -> int:
    """Number of the lake's newest snapshot."""
    with TemporaryDirectory(prefix="vaxel-model-") as spill, _connect(spill) as connection:
        _attach_lake(connection, catalog)
        return _newest(connection)


@contextmanager
def _attached(catalog: str, records_dsn: str, snapshot: int | None) -> Iterator[tuple[duckdb.DuckDBPyConnection, int]]:
    """A connection that sees the lake at one snapshot and the record systems, and that snapshot."""
    with TemporaryDirectory(prefix="vaxel-model-") as spill, _connect(spill) as connection:
        _attach_lake(connection, catalog)
        read = _newest(connection) if snapshot is None else _known(connection, snapshot)
        connection.execute("DETACH lake")
        _attach_lake(connection, catalog, f", SNAPSHOT_VERSION {read:d}")
        _attach(
            connection, records_dsn, f"{_quoted(records_dsn)} AS records (TYPE postgres, READ_ONLY)", "record systems"
        )
        # The lake's views name their tables without the lake.
        connection.execute("USE lake")
        yield connection, read


def _connect(spill: str) -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect(
        config={
            "memory_limit": MEMORY_LIMIT,
            "temp_directory": spill,
            "autoinstall_known_extensions": False,
            "autoload_known_extensions": False,
        }
    )
    connection.execute("SET TimeZone = 'UTC'")
    for wheel in ("duckdb_extension_ducklake", "duckdb_extension_postgres_scanner"):
        _load(connection, wheel)
    return connection


def _asked(connection: duckdb.DuckDBPyConnection, flow: Flow, most: int | None = None) -> pa.Table:
    """What the model answers, at most so many rows."""
    try:
        statements = duckdb.extract_statements(flow.model_sql)
        if [statement.type for statement in statements] != [duckdb.StatementType.SELECT]:
            raise UsageError(f"The model of flow {flow.name!r} is not one SELECT: a model asks, and changes nothing.")
        answer = connection.sql(flow.model_sql)
        return (answer if most is None else answer.limit(most)).to_arrow_table()
    except duckdb.DataError as error:  # its text quotes the value, which may be of a customer
        raise UsageError(f"The model of flow {flow.name!r} does not fit a value: {type(error).__name__}") from error
    except (duckdb.CatalogException, duckdb.BinderException, duckdb.ParserException) as error:
        raise UsageError(f"The model of flow {flow.name!r} does not fit: {first_line(error)}") from error
    except duckdb.Error as error:
        raise UnreachableError(f"The model of flow {flow.name!r} stopped: {first_line(error)}") from error


def _attach_lake(connection: duckdb.DuckDBPyConnection, catalog: str, more: str = "") -> None:
    _attach(connection, catalog, f"{_quoted(f'ducklake:postgres:{catalog}')} AS lake (READ_ONLY{more})", "lake")


def _newest(connection: duckdb.DuckDBPyConnection) -> int:
    newest = connection.execute("SELECT id FROM lake.current_snapshot()").fetchone()
    assert newest is not None, "a DuckLake always has a snapshot"
    return int(newest[0])


def _known(connection: duckdb.DuckDBPyConnection, snapshot: int) -> int:
    """The snapshot, which is one of the lake's.

    Raises:
        UsageError: It is not: never made, or expired.
    """
    row = connection.execute(
        f"SELECT min(snapshot_id), max(snapshot_id), count(*) FILTER (snapshot_id = {snapshot:d}) "
        "FROM ducklake_snapshots('lake')"
    ).fetchone()
    assert row is not None, "an aggregate has a row"
    oldest, newest, found = row
    if not found:
        raise UsageError(f"The lake has no snapshot {snapshot}: those it keeps are numbered {oldest} to {newest}.")
    return snapshot


def _attach(connection: duckdb.DuckDBPyConnection, address: str, what: str, name: str) -> None:
    try:
        connection.execute(f"ATTACH {what}")
    except duckdb.Error as error:
        place = where(address)
        # DuckDB repeats the address, password included.
        told = first_line(error).replace(address, place)
        if _NO_LAKE in told:
            told = f"The catalogue {place} holds no lake yet: `vaxel run` or `vaxel sink lake` makes one."
            raise OutsideError(told) from error
        raise UnreachableError(f"The {name} at {place} cannot be opened: {told}") from error


def _load(connection: duckdb.DuckDBPyConnection, wheel: str) -> None:
    """Loads the extension a wheel carries, signed by DuckDB, without any network."""
    folder = resources.files(wheel) / "extensions" / f"v{duckdb.__version__}"
    with resources.as_file(folder / f"{wheel.removeprefix('duckdb_extension_')}.duckdb_extension") as path:
        connection.execute(f"LOAD {_quoted(str(path))}")


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
