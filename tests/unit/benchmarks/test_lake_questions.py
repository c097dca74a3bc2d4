"""The twelve questions: what they ask is what is answered, and answers are compared rightly."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from typing import Any

import duckdb
import pytest

from benchmarks.lake_asking import CONTENDERS, LAKE_PART, POSTGRES, Answer, Asked
from benchmarks.lake_fill import FIRST_DAY, Fleet, cycles_sql, fleet_of, name_of, readings_sql
from benchmarks.lake_queries import Span, difference, queries
from benchmarks.lake_report import HEADINGS, markdown, remarks, table
from schemas.lake import READINGS_WASHER

FLEET = Fleet(devices=20, days=3)
EIGHT = [name_of(device) for device in range(8)]
Asking = dict[str, list[tuple[Any, ...]]]


@pytest.fixture(scope="module")
def rows() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(config={"threads": 1}) as connection:
        days = " UNION ALL ".join(readings_sql(FLEET, day) for day in range(FLEET.days))
        connection.execute(f"CREATE TABLE {READINGS_WASHER.name} AS {days}")
        connection.execute(f"CREATE TABLE cycles AS {cycles_sql()}")
        connection.execute(f"CREATE VIEW readings AS SELECT * FROM {READINGS_WASHER.name}")
        yield connection


@pytest.fixture(scope="module")
def answers(rows: duckdb.DuckDBPyConnection) -> Asking:
    asked = queries(Span(FIRST_DAY, FLEET.last_day), EIGHT)
    return {
        query.name: rows.execute(query.sql.format(readings="readings", cycles="cycles")).fetchall() for query in asked
    }


def test_there_are_twelve_and_each_has_an_answer(answers: Asking) -> None:
    assert len(answers) == 12
    assert all(answers.values()), [name for name, found in answers.items() if not found]


def test_last_points_are_the_newest_reading_of_each_machine(rows: duckdb.DuckDBPyConnection, answers: Asking) -> None:
    newest: dict[str, tuple[Any, ...]] = {}
    told = rows.execute("SELECT device_id, measured_at, power_w, temperature_c FROM readings").fetchall()
    for row in told:
        newest[row[0]] = max(newest.get(row[0], row), row, key=lambda one: one[1])
    assert sorted(answers["lastpoint"]) == sorted(newest.values())
    silent = {row[:2] for row in newest.values() if row[1] < datetime(2026, 3, 3)}  # noqa: DTZ001
    assert set(answers["stale-devices"]) == silent


def test_wash_durations_are_a_quarter_of_a_minute_a_reading(rows: duckdb.DuckDBPyConnection, answers: Asking) -> None:
    told = rows.execute("SELECT material, reading_count FROM cycles").fetchall()
    of_model: dict[str, list[float]] = {}
    for material, count in told:
        of_model.setdefault(material, []).append(count / 4)
    expected = [(material, sum(minutes) / len(minutes)) for material, minutes in of_model.items()]
    assert difference(answers["avg-daily-wash-duration"], expected) == ""


def test_each_cycle_heats_once(rows: duckdb.DuckDBPyConnection, answers: Asking) -> None:
    """Short programmes heat for less than ten minutes, so some of their beginnings are not seen."""
    (cycles,) = rows.execute("SELECT count(*) FROM cycles WHERE reading_count >= 360").fetchone() or (0,)
    (all_cycles,) = rows.execute("SELECT count(*) FROM cycles").fetchone() or (0,)
    assert cycles - 3 <= sum(count for _, count in answers["breakdown-frequency"]) <= all_cycles


def test_the_same_fleet_gives_the_same_rows(rows: duckdb.DuckDBPyConnection) -> None:
    count, devices = rows.execute("SELECT count(*), count(DISTINCT device_id) FROM readings").fetchone() or (0, 0)
    assert devices == 20
    assert 0.6 < count / (20 * 3 * 342) < 1.4
    again = rows.execute(f"SELECT * FROM ({readings_sql(FLEET, 1)}) EXCEPT SELECT * FROM readings").fetchall()
    assert again == []


@pytest.mark.parametrize("readings", [100_000_000, 10_000_000, 300_000])
def test_a_fleet_tells_about_so_many_readings(readings: int) -> None:
    fleet = fleet_of(readings)
    assert fleet.devices * fleet.days * 342 == pytest.approx(readings, rel=0.02)


@pytest.mark.parametrize(
    ("found", "expected", "is_same"),
    [
        ([("a", 1), ("b", 2)], [("b", Decimal(2)), ("a", 1.0)], True),
        ([("a", 0.1 + 0.2)], [("a", 0.3)], True),
        ([("a", 0.3001)], [("a", 0.3)], False),
        ([("a", None)], [("a", None)], True),
        ([("a", None)], [("a", 0.0)], False),
        ([("a", 1)], [], False),
        ([("a", 1), ("a", 1)], [("a", 1)], False),
    ],
)
def test_answers_are_the_same_in_any_order_but_for_rounding(found: Any, expected: Any, is_same: bool) -> None:
    assert (difference(found, expected) == "") is is_same


def asked(wrong: str = "") -> Asked:
    seconds = dict.fromkeys(CONTENDERS, (1.0,)) | {LAKE_PART: (0.25, 0.5, 0.75)}
    answers = [Answer("lastpoint", name, seconds[name], 3, wrong if name == POSTGRES else "") for name in CONTENDERS]
    return Asked(1000, 500, 8, 28, 14, 2.0, 1.0, 28, 9000, 50_000, {"lastpoint": "the last one"}, tuple(answers))


def test_a_report_has_medians_and_how_many_times_as_long_the_other_took() -> None:
    assert table(asked()) == [("lastpoint", "1.00", "1.00", "1.00", "0.500", "1.00", "2.00")]
    assert len(HEADINGS) == 7


def test_a_wrong_answer_has_no_speed_and_is_told() -> None:
    found = asked(wrong="2 rows, 3 expected")
    assert table(found)[0][-2:] == ("WRONG", "-")
    assert "lastpoint, PostgreSQL, first days: WRONG: 2 rows, 3 expected" in remarks(found)
    assert not found.is_right
    assert "| lastpoint | 1.00 | 1.00 | 1.00 | 0.500 | WRONG | - |" in markdown(found, 3, {"Machine": "one"})
