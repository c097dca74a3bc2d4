"""A small lake and freshly seeded record systems, one database each per test."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from importlib import resources
from pathlib import Path
from uuid import uuid4

import duckdb
import psycopg
import pytest

from schemas.fleet import FleetDevice
from schemas.forms import duckdb_columns
from schemas.lake import RUN_VERSIONS, TABLES, UPLOADS, WASH_CYCLE_VERSIONS
from schemas.views import VIEWS
from sinks.records import seeding

NEWEST = datetime(2026, 5, 15, 12)  # noqa: DTZ001 - the newest session end of the small lake, as the lake holds it: UTC


class Lake:
    """A DuckLake with its catalogue in PostgreSQL, filled by hand."""

    def __init__(self, catalog: str, files: Path) -> None:
        self.catalog, self.files = catalog, files

    def write(self, *statements: str) -> None:
        with duckdb.connect() as connection:
            for wheel in ("ducklake", "postgres_scanner"):
                folder = resources.files(f"duckdb_extension_{wheel}") / "extensions" / f"v{duckdb.__version__}"
                connection.execute(f"LOAD '{folder / wheel}.duckdb_extension'")
            connection.execute(f"ATTACH 'ducklake:postgres:{self.catalog}' AS lake (DATA_PATH '{self.files}')")
            for statement in ("USE lake", "BEGIN", *statements, "COMMIT"):
                connection.execute(statement)


def cycle(device_id: str, ended_at: datetime, energy_wh: float, programme: str = "eco") -> str:
    """Statement that adds a wash cycle to the lake."""
    more = {"programme": programme, "energy_wh": energy_wh, "source": "reported"}
    return _insert(WASH_CYCLE_VERSIONS.name, _session(device_id, ended_at) | more)


def run(device_id: str, ended_at: datetime, distance_m: float) -> str:
    """Statement that adds a run to the lake."""
    return _insert(RUN_VERSIONS.name, _session(device_id, ended_at) | {"distance_m": distance_m})


def upload(device_id: str, outcome: str = "accepted", **lifetime: float) -> str:
    """Statement that adds an upload to the lake."""
    return _insert(UPLOADS.name, {"device_id": device_id, "outcome": outcome, **lifetime})


def _session(device_id: str, ended_at: datetime) -> dict[str, object]:
    started_at = ended_at - timedelta(hours=1)
    return {
        "session_id": f"{device_id}@{started_at:%Y%m%dT%H%M}",
        "version": 1,
        "status": "closed",
        "device_id": device_id,
        "started_at": started_at,
        "ended_at": ended_at,
        "known_at": ended_at,
    }


def _insert(table: str, row: Mapping[str, object]) -> str:
    values = ", ".join(f"'{value}'" for value in row.values())
    return f"INSERT INTO {table} ({', '.join(row)}) VALUES ({values})"


def a_device(device_id: str, material: str, sold_on: date, customer_id: str | None) -> FleetDevice:
    return FleetDevice(
        device_id=device_id,
        product="washer" if material.startswith("WM") else "shoe",
        material=material,
        firmware="1.0.0",
        country="SE",
        time_zone="Europe/Stockholm",
        sold_on=sold_on,
        activated_on=sold_on if customer_id else None,
        customer_id=customer_id,
        health_consent=None,
    )


DEVICES = (
    a_device("wm-1", "WM-8030", date(2026, 3, 3), "cu-1"),
    a_device("wm-2", "WM-8030", date(2026, 3, 31), "cu-2"),
    a_device("wm-3", "WM-8030", date(2026, 3, 15), None),
    a_device("sh-1", "SH-220", date(2025, 4, 1), "cu-1"),
    a_device("sh-2", "SH-220", date(2026, 4, 2), "cu-3"),
)


@pytest.fixture(scope="session")
def seeded_template(postgres_dsn: str) -> Iterator[str]:
    """A database of record systems seeded with `DEVICES`, to be copied."""
    with _database(postgres_dsn) as dsn:
        seeding.seed(dsn, DEVICES)
        yield dsn


@pytest.fixture(scope="session")
def lake_template(postgres_dsn: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lake]:
    """wm-1 washes daily and sh-1 is worn out; wm-2 was last used 20 days ago; wm-3 and sh-2 never had a session."""
    with _database(postgres_dsn) as dsn:
        lake = Lake(dsn, tmp_path_factory.mktemp("lake"))
        lake.write(
            *(f"CREATE TABLE {table.name} ({duckdb_columns(table.contract)})" for table in TABLES),
            *(f"CREATE VIEW {view.name} AS {view.query}" for view in VIEWS),
            *(cycle("wm-1", NEWEST - timedelta(days=days), 616.0) for days in range(6)),
            cycle("wm-1", NEWEST - timedelta(days=1, hours=3), 1000.0, "cotton"),
            cycle("wm-2", NEWEST - timedelta(days=20), 560.0),
            run("sh-1", NEWEST - timedelta(days=2), 10_000.0),
            run("sh-1", NEWEST - timedelta(days=30), 5_001.0),
            upload("wm-1", lifetime_sessions=7),
            upload("wm-1", "duplicate", lifetime_sessions=7),
            upload("wm-2", lifetime_sessions=1),
            upload("sh-1", lifetime_distance_m=700_001),
            upload("sh-2", lifetime_distance_m=0),
        )
        yield lake


@pytest.fixture
def records_dsn(postgres_dsn: str, seeded_template: str) -> Iterator[str]:
    with _database(postgres_dsn, seeded_template) as dsn:
        yield dsn


@pytest.fixture
def lake(postgres_dsn: str, lake_template: Lake) -> Iterator[Lake]:
    with _database(postgres_dsn, lake_template.catalog) as dsn:
        # Copies of the catalogue share the files of the template: files are only ever added.
        yield Lake(dsn, lake_template.files)


@contextmanager
def _database(server_dsn: str, template: str = "/template0") -> Iterator[str]:
    """A database of its own, copied from another one, dropped afterwards."""
    before, name = server_dsn.rpartition("/")[0], f"it-{uuid4().hex}"
    with psycopg.connect(server_dsn, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template.rpartition("/")[2]}"'.encode())
        try:
            yield f"{before}/{name}"
        finally:
            connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)'.encode())
