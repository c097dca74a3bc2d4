"""Hours say what their readings said, whenever and in how many parts these were rolled up."""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from typing import Any

import duckdb
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from schemas.forms import columns, duckdb_columns
from schemas.hours import SHOE, WASHER
from schemas.lake import TABLES
from schemas.retention import DAY_MS
from schemas.views import VIEWS
from sinks.lake.roll_up import WAYS, Way, before_ms, days, roll_up

DAY = date(2026, 3, 1)
MIDNIGHT = datetime(2026, 3, 1)  # noqa: DTZ001
VIEW_OF = {"reading_hours_washer": "washer_hours", "reading_hours_shoe": "shoe_hours"}


@pytest.fixture(scope="module")
def lake() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connection:
        for table in TABLES:
            connection.execute(f"CREATE TABLE {table.name} ({duckdb_columns(table.contract)})")
        for view in VIEWS:
            connection.execute(f"CREATE VIEW {view.name} AS {view.query}")
        yield connection


READING = st.fixed_dictionaries(
    {
        "device_id": st.sampled_from(["a", "b"]),
        "seq": st.just(1),
        "session_no": st.sampled_from([None, 1, 2]),
        "measured_at": st.integers(0, 3 * 3600 - 1).map(lambda second: MIDNIGHT + timedelta(seconds=second)),
        "span_ms": st.integers(0, 60_000),
    }
)
VALUE = st.one_of(st.none(), st.floats(0, 250))


def insert(lake: duckdb.DuckDBPyConnection, way: Way, row: dict[str, Any]) -> None:
    names = ", ".join(row)
    lake.execute(
        f"INSERT INTO {way.readings.name} ({names}) VALUES ({', '.join('?' for _ in row)})", list(row.values())
    )


def hours(lake: duckdb.DuckDBPyConnection, way: Way) -> list[dict[str, Any]]:
    found = lake.execute(f"SELECT * FROM {VIEW_OF[way.hours.name]} ORDER BY device_id, session_no, hour_at")
    names = [str(column[0]) for column in found.description or ()]
    return [dict(zip(names, row, strict=True)) for row in found.fetchall()]


def are_equal(left: object, right: object) -> bool:
    if isinstance(left, float) and isinstance(right, float):
        return math.isclose(left, right, rel_tol=1e-9, abs_tol=1e-9)
    return left == right


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.hours.name)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_the_hours_are_the_same_before_and_after_every_roll_up(
    lake: duckdb.DuckDBPyConnection, way: Way, data: st.DataObject
) -> None:
    lake.execute(f"DELETE FROM {way.readings.name}")
    lake.execute(f"DELETE FROM {way.hours.name}")
    measured = [
        column.lake_name
        for column in columns(way.readings.contract)
        if column.value.kind == "float" and not column.name.startswith(("latitude", "longitude"))
    ]
    required = {column.lake_name for column in columns(way.readings.contract) if not column.nullable}
    expected_readings = 0
    for _ in range(data.draw(st.integers(1, 3))):
        for row in data.draw(st.lists(READING, max_size=6)):
            values = {name: data.draw(st.floats(0, 250) if name in required else VALUE) for name in measured}
            insert(lake, way, row | values)
            expected_readings += 1
        before = hours(lake, way)
        gone = roll_up(lake, way, DAY)
        after = hours(lake, way)
        assert sum(hour["readings"] for hour in after) == expected_readings
        assert gone <= expected_readings
        assert list(days(lake, way, 2**41)) == []
        assert len(before) == len(after)
        for was, is_ in zip(before, after, strict=True):
            assert all(are_equal(was[name], is_[name]) for name in was), (was, is_)


def test_means_go_by_time_and_null_is_no_zero(lake: duckdb.DuckDBPyConnection) -> None:
    way = WAYS[1]
    lake.execute(f"DELETE FROM {way.readings.name}")
    lake.execute(f"DELETE FROM {way.hours.name}")
    common = {"device_id": "a", "seq": 1, "session_no": 1, "distance_m": 10.0}
    for minute, span_ms, heart_rate in ((0, 1_000, 100.0), (1, 3_000, 140.0), (2, 60_000, None)):
        measured = {"measured_at": datetime(2026, 3, 1, 7, minute), "span_ms": span_ms}  # noqa: DTZ001
        insert(lake, way, {**common, **measured, "heart_rate_bpm": heart_rate})
    roll_up(lake, way, DAY)
    (hour,) = hours(lake, way)
    assert (hour["mean_heart_rate_bpm"], hour["heart_rate_span_ms"], hour["max_heart_rate_bpm"]) == (
        130.0,
        4_000,
        140.0,
    )
    assert (hour["span_ms"], hour["mean_cadence_spm"], hour["cadence_span_ms"]) == (64_000, None, 0)


def test_an_hour_has_the_most_water_and_power_and_the_least_and_the_most_distance(
    lake: duckdb.DuckDBPyConnection,
) -> None:
    common = {"device_id": "a", "seq": 1, "session_no": 1, "span_ms": 1_000}
    for way, rows in (
        (
            WAYS[0],
            [
                {"power_w": w, "energy_wh": 1.5, "water_l": litres}
                for w, litres in ((10.0, 4.0), (90.0, 9.0), (20.0, 7.0))
            ],
        ),
        (WAYS[1], [{"distance_m": m} for m in (12.0, 5.0, 30.0, 8.0)]),
    ):
        lake.execute(f"DELETE FROM {way.readings.name}")
        lake.execute(f"DELETE FROM {way.hours.name}")
        for half in (rows[:2], rows[2:]):  # an hour of two rows as well
            for second, row in enumerate(half):
                insert(lake, way, {**common, "measured_at": MIDNIGHT + timedelta(seconds=second), **row})
            roll_up(lake, way, DAY)
    (washer,), (shoe,) = (hours(lake, way) for way in WAYS)
    assert (washer["water_l"], washer["peak_w"], washer["energy_wh"], washer["span_ms"]) == (9.0, 90.0, 4.5, 3_000)
    assert (shoe["from_distance_m"], shoe["to_distance_m"], shoe["span_ms"]) == (5.0, 30.0, 4_000)


def test_only_whole_days_are_rolled_up() -> None:
    assert before_ms(10 * DAY_MS, 1) == 9 * DAY_MS
    assert before_ms(11 * DAY_MS - 1, 1) == 9 * DAY_MS


@pytest.mark.parametrize(("way", "figures"), [(WAYS[0], WASHER), (WAYS[1], SHOE)])
def test_every_column_of_an_hour_has_a_figure_and_every_figure_keeps_the_class(way: Way, figures: Any) -> None:
    of = {column.lake_name: column.data_class for column in columns(way.readings.contract)}
    own = {column.lake_name: column.data_class for column in columns(way.hours.contract)}
    assert set(own) == {"device_id", "session_no", "hour_at", "readings", *(figure.name for figure in figures)}
    assert all(own[figure.name] == of[figure.of] for figure in figures)
