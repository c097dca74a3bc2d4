"""Plots of what was seen in part: a run without its begin, shoes since a day, devices that changed hands."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import duckdb
import pytest

from vaxel.plots import flow, one, product
from vaxel.plots.chart import Bars
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
