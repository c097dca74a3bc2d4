"""The list of tables and views agrees with the topics and the contracts."""

from __future__ import annotations

import duckdb
import pytest

from schemas.forms import columns, duckdb_columns, lake_types
from schemas.lake import INPUTS, TABLES, VIEWS, Table, table_comments
from schemas.topics import BY_NAME, LAKE_INPUTS


def test_every_topic_for_the_lake_has_one_table() -> None:
    assert [entry.topic for entry in INPUTS] == list(LAKE_INPUTS)
    assert len({entry.table.name for entry in INPUTS}) == len(INPUTS)


def test_a_table_has_the_contract_of_its_topic() -> None:
    assert {entry.topic: entry.table.contract for entry in INPUTS} == {
        topic: BY_NAME[topic].contract for topic in LAKE_INPUTS
    }


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_duckdb_makes_of_the_columns_what_arrow_has(table: Table) -> None:
    with duckdb.connect() as connection:
        connection.execute(f'CREATE TABLE "{table.name}" ({duckdb_columns(table.contract)})')
        made = connection.execute(f'SELECT * FROM "{table.name}"').to_arrow_table().schema
    assert made.names == lake_types(table.contract).names
    assert made.types == lake_types(table.contract).types


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_every_column_says_what_it_means_and_of_which_class_it_is(table: Table) -> None:
    for column in columns(table.contract):
        assert column.meaning
        assert column.data_class in table_comments(table)[column.lake_name]


def a_lake_with_versions() -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect()
    for table in TABLES:
        connection.execute(f"CREATE TABLE {table.name} ({duckdb_columns(table.contract)})")
    for name in ("wash_cycle_versions", "run_versions", "usage_versions"):
        connection.execute(
            f"INSERT INTO {name} (session_id, version, status, started_at, ended_at) VALUES "
            "('a', 1, 'open', '2026-05-03 07:00', '2026-05-03 07:30'),"
            "('a', 3, 'corrected', '2026-05-03 07:00', '2026-05-03 08:30'),"
            "('a', 2, 'closed', '2026-05-03 07:00', '2026-05-03 08:00'),"
            "('b', 1, 'closed', '2026-05-03 09:00', '2026-05-03 10:00'),"
            "('b', 2, 'withdrawn', '2026-05-03 09:00', '2026-05-03 10:00')"
        )
    for view in VIEWS:
        connection.execute(f"CREATE VIEW {view.name} AS {view.query}")
    return connection


def test_a_session_is_shown_in_its_newest_version_unless_withdrawn() -> None:
    with a_lake_with_versions() as connection:
        cycles = connection.execute("SELECT session_id, version, status, duration_min FROM wash_cycles").fetchall()
        runs = connection.execute("SELECT session_id, version, status, duration_s FROM runs").fetchall()
        used = connection.execute("SELECT session_id, version, status FROM usage").fetchall()
    assert used == [("a", 3, "corrected")]
    assert cycles == [("a", 3, "corrected", 90.0)]
    assert runs == [("a", 3, "corrected", 5400.0)]


def test_alerts_completeness_and_minutes_are_shown_in_their_newest_version_only() -> None:
    with a_lake_with_versions() as connection:
        connection.execute(
            "INSERT INTO alert_versions (alert_id, version, status) VALUES ('x', 1, 'raised'), ('x', 2, 'cleared')"
        )
        connection.execute(
            "INSERT INTO completeness_versions (device_id, month, custody_from, version, verdict, counted, arrived, "
            "missing_uploads, refused_uploads) VALUES "
            "('w', '2026-05-01', '2026-05-03', 2, 'complete', 5, 5, 0, 0), "
            "('w', '2026-05-01', '2026-05-03', 1, 'gap', 5, 4, 0, 0), "
            "('w', '2026-05-01', '2026-05-07', 1, 'surplus', 5, 6, 0, 0), "
            "('w', '2026-05-01', NULL, 2, 'complete', 0, 0, 0, 0), "
            "('v', '2026-05-01', NULL, 1, 'complete', 0, 0, 0, 0)"
        )
        connection.execute(
            "INSERT INTO fleet_minute_versions (minute_at, partition, product, material, country, version, devices, "
            "readings, energy_wh) VALUES ('2026-05-03 07:00', 0, 'washer', 'WM-1', 'SE', 1, 1, 4, 10), "
            "('2026-05-03 07:00', 0, 'washer', 'WM-1', 'SE', 2, 2, 8, 20), "
            "('2026-05-03 07:00', 1, 'washer', 'WM-1', 'SE', 1, 3, 12, 30)"
        )
        alerts = connection.execute("SELECT alert_id, status FROM alerts").fetchall()
        verdicts = connection.execute("SELECT verdict FROM completeness ORDER BY verdict").fetchall()
        minutes = connection.execute("SELECT devices, readings, energy_wh FROM fleet_minutes").fetchall()
    assert alerts == [("x", "cleared")]
    assert verdicts == [("complete",), ("complete",), ("surplus",)], "nobody's share has gone to a custody"
    assert minutes == [(5, 20, 50.0)]
