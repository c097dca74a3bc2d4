"""Plots of what was seen in part: a run without its begin, shoes since a day, devices that changed hands."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import duckdb
import pytest

from vaxel.plots import flow, one, product, use
from vaxel.plots.chart import Bars, Lines
from vaxel.plots.plot import Row

MAY = date(2026, 5, 1)
START = datetime(2026, 5, 1)  # noqa: DTZ001  (the lake's instants are UTC without saying so)


@pytest.mark.parametrize(
    ("after_ms", "before_m"), [(600_000, 2000.0), (3_000, 2000.0), (15_000, 30.0)]
)  # the session's begin is told, or is that of what is known
def test_the_first_pace_of_a_run_whose_begin_is_lost_is_that_of_what_is_known(after_ms: int, before_m: float) -> None:
    head = ("shoe", "s", "m", "f", START, None, 5000.0, None)
    rows: list[Row] = [
        (*head, after_ms + 3_000 * number, 3_000, before_m + 9.0 * number, None, None) for number in range(100)
    ]
    _, paces = one._pace(rows)
    assert paces == [pytest.approx(1000 / 3 / 60)] * 9


def test_a_run_without_a_distance_has_no_pace() -> None:
    assert one._pace([("shoe", "s", "m", "f", START, None, 0.0, None, 0, 0, None, 140, 80)]) == ([], [])


def test_a_shoes_first_50_km_are_the_same_whatever_time_is_drawn() -> None:
    lake = duckdb.connect()
    lake.execute(
        "CREATE TABLE runs AS SELECT 'SH' AS material, 's-' || shoe AS device_id, TIMESTAMP '2026-05-01' "
        "+ run * INTERVAL '1 day' AS started_at, 200 + run * 5.0 AS avg_ground_contact_ms, 10000.0 AS distance_m, "
        "'closed' AS status FROM range(3) AS shoes(shoe), range(20) AS runs(run)"
    )

    def drawn(since: datetime | None) -> dict[int, tuple[float, int]]:
        rows = lake.execute(product.WEAR, {"since": since, "until": None, "material": None}).fetchall()
        return {row[1]: (row[2], row[3]) for row in rows}

    whole = drawn(None)
    assert drawn(START + timedelta(days=9)) == {from_km: told for from_km, told in whole.items() if from_km >= 100}
    last = max(whole)  # a class alone says something, as long as it is not the first one
    ((from_km, (change_pct, runs)),) = drawn(START + timedelta(days=19)).items()
    assert (from_km, runs) == (last, 3)
    assert change_pct == pytest.approx(100 * (295 / 210 - 1))


def test_completeness_names_as_many_devices_as_there_are() -> None:
    lake = duckdb.connect()
    lake.execute("CREATE TABLE completeness (product TEXT, month DATE, verdict TEXT, device_id TEXT)")
    for verdict, device in (("complete", "s-1"), ("gap", "s-1"), ("complete", "s-2"), ("complete", "s-2")):
        lake.execute("INSERT INTO completeness VALUES ('shoe', ?, ?, ?)", [MAY, verdict, device])
    rows: list[Row] = list(lake.execute(flow.COMPLETENESS, {"since": None, "until": None}).fetchall())
    chart = flow.completeness(rows)
    (panel,) = chart.panels
    assert isinstance(panel, Bars)
    assert panel.notes == ["2 shoes"]
    assert dict(panel.parts) == {"complete": [75.0], "gap": [25.0]}


def test_the_load_curve_divides_by_days_that_were_asked_for_wholly() -> None:
    """A kilowatt at every hour is one all day, though what was asked for begins at 02:00 in Berlin."""
    lake = duckdb.connect()
    lake.execute(
        "CREATE TABLE washer_hours AS SELECT device_id, unnest(generate_series(TIMESTAMP '2026-05-01', "
        "TIMESTAMP '2026-05-31', INTERVAL '1 hour')) AS hour_at, 1000.0 AS energy_wh "
        "FROM (VALUES ('w-1'), ('w-2')) AS d(device_id)"
    )
    lake.execute(
        "CREATE TABLE usage AS SELECT device_id, TIMESTAMP '2026-04-30' AS started_at, time_zone, 'WM' AS material, "
        "'DE' AS country FROM (VALUES ('w-1', 'Europe/Berlin'), ('w-2', 'America/New_York')) AS d(device_id, time_zone)"
    )
    monday = datetime(2026, 5, 11)  # noqa: DTZ001
    asked = {"since": monday, "until": monday + timedelta(days=7), "material": None, "country": None}
    rows: list[Row] = list(lake.execute(use.LOAD_CURVE, asked).fetchall())
    chart = use.load_curve(rows)
    (panel,) = chart.panels
    assert isinstance(panel, Lines)
    assert [line.name for line in panel.lines] == ["Monday to Friday (5 days)", "Saturday and Sunday (2 days)"]
    assert {value for line in panel.lines for value in line.values} == {1000.0}
    assert chart.told.startswith("2 washing machines in use, 11 May 2026 to 17 May 2026; whole days")
