"""Runs a flow's model in DuckDB: over the lake at one snapshot, beside the record systems' tables (read-only).

In:            a flow; addresses of the lake's catalogue and of the record systems.
Out:           the rows the model produced, in the target's types, and the lake snapshot they come from.
Guarantee:     all of the model reads the same snapshot; nothing is written anywhere.
On failure:    UnreachableError when lake or record systems do not answer, OutsideError when there is no lake yet,
               UsageError when the model does not fit them or the lake does not have the snapshot.
"""

from __future__ import annotations

from importlib import resources
from tempfile import TemporaryDirectory

import duckdb
import pyarrow as pa

from schemas.errors import OutsideError, UnreachableError, UsageError
from sinks.records.database import first_line, where
from sinks.records.flow import Flow
from sinks.records.wanted import conform

MEMORY_LIMIT = "2GB"
_NO_LAKE = "creating a new DuckLake is explicitly disabled"


def run(flow: Flow, catalog: str, records_dsn: str, snapshot: int | None = None) -> tuple[pa.Table, int]:
    """The rows the flow's model wants, and the lake snapshot it read.

    Args:
        catalog: PostgreSQL address of the lake's catalogue.
        snapshot: Lake snapshot to read; None takes the newest.
    """
    with TemporaryDirectory(prefix="vaxel-model-") as spill, _connect(spill) as connection:
        for wheel in ("duckdb_extension_ducklake", "duckdb_extension_postgres_scanner"):
            _load(connection, wheel)
        read = _attach_lake(connection, catalog, snapshot)
        _attach(
            connection, records_dsn, f"{_quoted(records_dsn)} AS records (TYPE postgres, READ_ONLY)", "record systems"
        )
        # The lake's views name their tables without the lake.
        connection.execute("USE lake")
        try:
            produced = connection.execute(flow.model_sql).to_arrow_table()
        except (duckdb.CatalogException, duckdb.BinderException, duckdb.ParserException, duckdb.DataError) as error:
            raise UsageError(f"The model of flow {flow.name!r} does not fit: {first_line(error)}") from error
        except duckdb.Error as error:
            raise UnreachableError(f"The model of flow {flow.name!r} stopped: {first_line(error)}") from error
    return conform(flow, produced), read


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
    return connection


def _attach_lake(connection: duckdb.DuckDBPyConnection, catalog: str, snapshot: int | None) -> int:
    lake = f"{_quoted(f'ducklake:postgres:{catalog}')} AS lake"
    _attach(connection, catalog, f"{lake} (READ_ONLY)", "lake")
    snapshot = _newest(connection) if snapshot is None else _known(connection, snapshot)
    connection.execute("DETACH lake")
    _attach(connection, catalog, f"{lake} (READ_ONLY, SNAPSHOT_VERSION {snapshot:d})", "lake")
    return snapshot


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
