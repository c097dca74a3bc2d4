"""What the devices of the small lake did, as the truth tells it after `load_truth`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

import duckdb

from tests.integration.records.conftest import NEWEST

SESSIONS = (
    *(("wm-1", NEWEST - timedelta(days=days), 616.0, "eco") for days in range(6)),
    ("wm-1", NEWEST - timedelta(days=1, hours=3), 1000.0, "cotton"),
    ("wm-2", NEWEST - timedelta(days=20), 560.0, "eco"),
    ("sh-1", NEWEST - timedelta(days=2), 10_000.0, None),
    ("sh-1", NEWEST - timedelta(days=30), 5_001.0, None),
)


@contextmanager
def told_truth() -> Iterator[duckdb.DuckDBPyConnection]:
    """The truth of the small lake; one alert holds. The lake's own sessions tell nothing here that the truth does."""
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute(
            """create table truth_uploads as select unnest(['wm-1', 'wm-2', 'sh-1', 'sh-2']) as device_id, 1 as seq;
               create table accepted as from truth_uploads;
               create table devices_in_doubt (device_id varchar);
               create table alerts as select 'wm-1-bearing-1' as alert_id, 'wm-1' as device_id, 'bearing' as kind,
                 'raised' as status;
               create table expected_sessions (product varchar, device_id varchar, started_at_ms bigint,
                 ended_at_ms bigint, amount double, programme varchar, end_is_known boolean default true,
                 is_coarse boolean default false);
               create table wash_cycles (device_id varchar, started_at timestamp, known_at timestamp,
                 anomalies varchar[]);
               create table runs (device_id varchar, started_at timestamp, known_at timestamp, distance_m double)"""
        )
        for device_id, ended_at, amount, programme in SESSIONS:
            tell_session(connection, device_id, ended_at, amount, programme)
        yield connection


def tell_session(
    connection: duckdb.DuckDBPyConnection, device_id: str, ended_at: datetime, amount: float, programme: str | None
) -> None:
    """Adds a session of an hour to the truth."""
    product = "washer" if device_id.startswith("wm") else "shoe"
    connection.execute(
        """insert into expected_sessions (product, device_id, started_at_ms, ended_at_ms, amount, programme)
           values (?, ?, epoch_ms(?), epoch_ms(?), ?, ?)""",
        [product, device_id, ended_at - timedelta(hours=1), ended_at, amount, programme],
    )
