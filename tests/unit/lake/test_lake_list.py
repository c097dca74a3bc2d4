"""The list of tables and views agrees with the topics and the contracts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from typing import get_args

import duckdb
import pytest

from schemas.fields import DataClass
from schemas.forms import columns, duckdb_columns, lake_types
from schemas.lake import CUSTODY_VERSIONS, INPUTS, TABLES, Meaning, Table, meanings
from schemas.topics import BY_NAME, LAKE_INPUTS, REFERENCE_CUSTODY
from schemas.views import VIEWS, View


def test_every_topic_for_the_lake_has_one_table() -> None:
    assert [entry.topic for entry in INPUTS] == list(LAKE_INPUTS)
    assert len({entry.table.name for entry in INPUTS}) == len(INPUTS)


def test_a_table_has_the_contract_of_its_topic_or_the_part_of_it_that_the_lake_keeps() -> None:
    for entry in INPUTS:
        told = BY_NAME[entry.topic].contract
        assert told is not None
        assert issubclass(told, entry.table.contract), entry.topic
    assert {entry.topic for entry in INPUTS if entry.table.contract is not BY_NAME[entry.topic].contract} == {
        REFERENCE_CUSTODY
    }


def test_what_the_desk_alone_needs_of_people_never_gets_into_the_lake() -> None:
    kept = {column.name: column.data_class for column in columns(CUSTODY_VERSIONS.contract)}
    assert {name for name, data_class in kept.items() if data_class == "personal"} == {"subject"}
    assert "health" not in kept.values()


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_duckdb_makes_of_the_columns_what_arrow_has(table: Table) -> None:
    with duckdb.connect() as connection:
        connection.execute(f'CREATE TABLE "{table.name}" ({duckdb_columns(table.contract)})')
        made = connection.execute(f'SELECT * FROM "{table.name}"').to_arrow_table().schema
    assert made.names == lake_types(table.contract).names
    assert made.types == lake_types(table.contract).types


MEASURED = ("DOUBLE", "DECIMAL", "TIMESTAMP", "BIGINT")
"""Types whose values have a unit, beginnings of their names."""


def told_of(name: str, meanings: Mapping[str, Meaning]) -> list[str]:
    """Columns of a table or view of which something is not said."""
    with a_lake_with_versions() as connection:
        columns_there = connection.execute(f'SELECT column_name, column_type FROM (DESCRIBE "{name}")').fetchall()
    untold = [column for column, _ in columns_there if column not in meanings or not meanings[column].text]
    known = [(column, kind, meanings[column]) for column, kind in columns_there if column in meanings]
    untold += [column for column, _, meaning in known if meaning.data_class not in get_args(DataClass)]
    return untold + [column for column, kind, meaning in known if kind.startswith(MEASURED) and not meaning.unit]


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_every_column_of_a_table_says_what_it_means_its_unit_and_its_class(table: Table) -> None:
    assert told_of(table.name, meanings(table.contract)) == []


@pytest.mark.parametrize("view", VIEWS, ids=lambda view: view.name)
def test_every_column_of_a_view_says_what_it_means_its_unit_and_its_class(view: View) -> None:
    assert told_of(view.name, view.meanings()) == []


@pytest.mark.parametrize("view", VIEWS, ids=lambda view: view.name)
def test_a_view_explains_nothing_that_it_has_not(view: View) -> None:
    with a_lake_with_versions() as connection:
        shown = {name for (name,) in connection.execute(f'SELECT column_name FROM (DESCRIBE "{view.name}")').fetchall()}
    assert set(view.own) <= shown


def test_a_column_without_a_meaning_would_be_found() -> None:
    view = next(view for view in VIEWS if view.name == "wash_cycles")
    assert told_of("wash_cycles", replace(view, own={}).meanings()) == ["duration_min"]
    told = {**view.meanings(), "duration_min": Meaning("From its begin to its end", "", "usage")}
    assert told_of("wash_cycles", told) == ["duration_min"]


def test_nothing_of_a_person_is_in_the_sessions_of_all_products() -> None:
    view = next(view for view in VIEWS if view.name == "sessions_current")
    with a_lake_with_versions() as connection:
        shown = connection.execute("SELECT * FROM sessions_current").to_arrow_table().column_names
    assert {view.meanings()[name].data_class for name in shown} <= {"technical", "usage"}


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


def test_of_sessions_the_version_known_last_is_shown_and_of_those_known_at_once_the_highest() -> None:
    names = ("wash_cycle_versions", "run_versions", "usage_versions")
    views = ("wash_cycles", "runs", "usage")
    told = "('a', 7, 'corrected', '07:00'), ('a', 6, 'corrected', '08:00'), ('a', 5, 'corrected', '08:00')"
    with a_lake_with_versions() as connection:
        for name in names:
            connection.execute(f"DELETE FROM {name}")
            connection.execute(
                f"INSERT INTO {name} (session_id, version, status, known_at) "
                f"SELECT s, v, t, ('2026-05-03 ' || k)::TIMESTAMP FROM (VALUES {told}) AS told(s, v, t, k)"
            )
        connection.execute(
            "INSERT INTO insight_versions (insight_id, device_id, version, known_at, title) VALUES "
            "('i', 'w', 7, '2026-05-03 07:00', 'before'), ('i', 'w', 6, '2026-05-03 08:00', 'after')"
        )
        shown = [connection.execute(f"SELECT version FROM {view}").fetchall() for view in views]
        titles = connection.execute("SELECT title FROM insights").fetchall()
    assert shown == [[(6,)]] * 3
    assert titles == [("after",)]


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


def test_what_record_systems_told_last_is_one_row_a_device_and_an_interval() -> None:
    with a_lake_with_versions() as connection:
        connection.execute(
            "INSERT INTO device_versions (device_id, revision, product, sold_on) VALUES "
            "('w', 2, 'washer', '2026-01-05'), ('w', 1, 'washer', NULL), ('s', 1, 'shoe', NULL)"
        )
        connection.execute(
            "INSERT INTO custody_versions VALUES "
            "('w', 1, [0], [NULL], ['sold'], ['pa'], ['SE'], ['Europe/Stockholm']), "
            "('w', 2, [0, 86400000], [86400000, NULL], ['sold', 'resold'], ['pa', 'pb'], ['SE', 'DE'], "
            "['Europe/Stockholm', 'Europe/Berlin'])"
        )
        connection.execute(
            "INSERT INTO contract_versions VALUES ('w', 1, [0, 1500], [1500, NULL], ['c-1', 'c-2'], "
            "['owned', 'pay_per_wash'], ['EUR', 'EUR'], [0.1, 0.34], [2, 3.1])"
        )
        devices = connection.execute("SELECT device_id, sold_on::VARCHAR FROM devices ORDER BY 1").fetchall()
        custodies = connection.execute(
            "SELECT from_at::VARCHAR, to_at::VARCHAR, kind, subject, country FROM custodies ORDER BY from_at"
        ).fetchall()
        contracts = connection.execute(
            "SELECT contract_no, kind, from_at::VARCHAR, energy_price_per_kwh * 3 FROM contracts ORDER BY from_at"
        ).fetchall()
    assert devices == [("s", None), ("w", "2026-01-05")]
    assert custodies == [
        ("1970-01-01 00:00:00", "1970-01-02 00:00:00", "sold", "pa", "SE"),
        ("1970-01-02 00:00:00", None, "resold", "pb", "DE"),
    ]
    assert contracts == [
        ("c-1", "owned", "1970-01-01 00:00:00", Decimal("0.300000")),
        ("c-2", "pay_per_wash", "1970-01-01 00:00:01.5", Decimal("1.020000")),
    ]


def test_sessions_of_all_products_are_one_row_each_with_where_they_were() -> None:
    with a_lake_with_versions() as connection:
        connection.execute(
            "INSERT INTO run_versions (session_id, device_id, version, status, started_at, ended_at, distance_m) "
            "VALUES ('s-1:1', 's-1', 1, 'closed', '2026-05-03 07:00', '2026-05-03 07:20', 4000)"
        )
        connection.execute(
            "INSERT INTO usage_versions (session_id, version, status, country, contract_kind, subject) "
            "VALUES ('a', 4, 'attributed', 'SE', 'owned', 'pa')"
        )
        connection.execute("DELETE FROM run_versions WHERE session_id IN ('a', 'b')")
        rows = connection.execute(
            "SELECT session_id, product, duration_s, distance_m, version, country, contract_kind "
            "FROM sessions_current ORDER BY session_id"
        ).fetchall()
    assert rows == [
        ("a", "washer", 5400.0, None, 3, "SE", "owned"),
        ("s-1:1", "shoe", 1200.0, 4000.0, 1, None, None),
    ]
