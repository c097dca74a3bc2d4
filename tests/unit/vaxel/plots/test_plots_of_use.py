"""What plots of use show of a lake whose figures are known."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

import pytest

from tests.unit.vaxel.plots.known_lake import KnownLake
from vaxel.plots.chart import Bars, Cells, Lines

MONDAY = datetime(2026, 5, 4, 9)  # noqa: DTZ001  (the lake's instants are UTC without saying so)


def days(number: float) -> datetime:
    return MONDAY + timedelta(days=number)


def test_usage_counts_cycles_by_model_and_whole_week(lake: KnownLake) -> None:
    for day in (0, 1, 7, 13):
        lake.wash("w-1", days(day))
    lake.wash("w-2", days(13), material="WM-2")
    chart = lake.chart("usage")
    (panel,) = chart.panels
    assert panel.numbers()[1] == [
        ("WM-1", date(2026, 5, 4), 2.0),
        ("WM-1", date(2026, 5, 11), 2.0),
        ("WM-2", date(2026, 5, 11), 1.0),
    ]
    assert chart.told.startswith("2 devices in use, 4 May 2026 to 17 May 2026")


def test_a_week_that_is_not_wholly_seen_is_marked_and_that_is_told(lake: KnownLake) -> None:
    for day in (0, 6, 8):
        lake.wash("w-1", days(day))
    chart = lake.chart("usage")
    assert chart.panels[0].numbers() == (
        ("line", "week (Monday)", "wash cycles", "seen"),
        [("WM-1", date(2026, 5, 4), 2.0, "whole"), ("WM-1", date(2026, 5, 11), 1.0, "a part")],
    )
    assert "hollow: a week of which the lake has seen a part only" in chart.told


def test_a_lake_of_some_days_still_has_a_picture(lake: KnownLake) -> None:
    lake.wash("w-1", days(1))
    assert lake.chart("usage").panels[0].numbers()[1] == [("WM-1", date(2026, 5, 4), 1.0, "a part")]


def test_a_week_without_use_is_a_zero_and_no_hole(lake: KnownLake) -> None:
    for day in (0, 14, 20):
        lake.wash("w-1", days(day))
    assert [row[2] for row in lake.chart("usage").panels[0].numbers()[1]] == [1.0, 0.0, 2.0]


def test_a_model_of_the_record_systems_has_zeros_up_to_now_and_a_recording_of_2011_has_none(lake: KnownLake) -> None:
    lake.add("device_versions", device_id="w-1", revision=1, product="washer", material="WM-1", plant="P")
    lake.wash("w-1", days(0))
    lake.wash("w-2", days(13), material="WM-2")
    lake.wash("plug", datetime(2011, 9, 19, 9), material="plug")  # noqa: DTZ001
    assert lake.chart("usage").panels[0].numbers()[1] == [
        ("WM-1", date(2026, 5, 4), 1.0),
        ("WM-1", date(2026, 5, 11), 0.0),
        ("WM-2", date(2026, 5, 11), 1.0),
        ("plug", date(2011, 9, 19), 1.0),
    ]


def test_shoes_are_told_in_kilometres(lake: KnownLake) -> None:
    lake.add(
        "usage_versions", session_id="s", version=1, status="attributed", device_id="s-1", product="shoe",
        material="SH-1", started_at=MONDAY, local_day=MONDAY.date(), distance_m=4200.0, known_at=MONDAY,
    )  # fmt: skip
    (panel,) = lake.chart("usage").panels
    assert isinstance(panel, Lines)
    assert (panel.up, panel.lines[0].values) == ("km", [4.2])


def test_programmes_are_shares_of_each_country_with_their_numbers_beside(lake: KnownLake) -> None:
    for hour, programme in enumerate(("eco", "eco", "wool", None)):
        lake.wash("w-1", MONDAY.replace(hour=hour), programme=programme)
    lake.wash("w-2", MONDAY, programme="wool", country="SE")
    (panel,) = lake.chart("programmes").panels
    assert isinstance(panel, Bars)
    assert panel.numbers()[1] == [
        ("SE", 0.0, 100.0, 0.0, "1 cycle, 1 washing machine"),
        ("DE", 50.0, 25.0, 25.0, "4 cycles, 1 washing machine"),
    ]
    assert [name for name, _ in panel.parts] == ["eco", "wool", "not known"]


def test_filters_narrow_what_is_drawn(lake: KnownLake) -> None:
    lake.wash("w-1", days(0))
    lake.wash("w-2", days(1), country="SE", material="WM-2")
    narrowed: list[dict[str, Any]] = [
        {"country": "SE"}, {"material": "WM-2"}, {"since": days(0.5)}, {"country": "SE", "until": days(2)},
    ]  # fmt: skip
    for filters in narrowed:
        assert lake.chart("programmes", **filters).panels[0].numbers()[1][0][0] == "SE", filters
    assert lake.rows("programmes", country="FI") == []


def test_the_load_curve_goes_by_the_hours_where_the_machine_stands(lake: KnownLake) -> None:
    """A Monday at 09:10 UTC is 11:10 in Berlin in May; the machine's mean is over all days that are seen."""
    lake.wash("w-1", MONDAY)
    lake.wash("w-1", days(1))
    for day, energy_wh in ((0, 300.0), (1, 100.0)):
        lake.add(
            "readings_washer", device_id="w-1", seq=day, measured_at=days(day) + timedelta(minutes=10), span_ms=15_000,
            power_w=1.0, energy_wh=energy_wh,
        )  # fmt: skip
    (panel,) = lake.chart("load-curve").panels
    assert isinstance(panel, Lines)
    assert [line.name for line in panel.lines] == ["Monday to Friday (2 days)"]
    assert {hour: value for _, hour, value in panel.numbers()[1] if value} == {11: 200.0}


def test_retention_is_the_share_of_the_units_sold_and_marks_months_half_seen(lake: KnownLake) -> None:
    for number in range(4):
        lake.add(
            "device_versions", device_id=f"w-{number}", revision=1, product="washer", material="WM-1", plant="P",
            sold_on=date(2026, 4, 10),
        )  # fmt: skip
    # Used: w-0 in May and June, w-1 in May. What the lake saw ends on 20 June.
    lake.wash("w-0", datetime(2026, 5, 1, 9))  # noqa: DTZ001
    lake.wash("w-1", datetime(2026, 5, 9, 9))  # noqa: DTZ001
    lake.wash("w-0", datetime(2026, 6, 20, 9))  # noqa: DTZ001
    (panel,) = lake.chart("retention").panels
    assert isinstance(panel, Cells)
    assert panel.columns == [1, 2]
    assert panel.numbers()[1] == [("Apr 2026 (n = 4)", 50.0, 25.0)]
    assert panel.are_partial == [[False, True]]
    assert "*: of this month the lake has seen a part only" in lake.chart("retention").told


def test_retention_marks_no_month_where_the_mark_would_be_on_all_of_them(lake: KnownLake) -> None:
    lake.add("device_versions", device_id="w-0", revision=1, product="washer", material="WM-1", plant="P",
             sold_on=date(2026, 4, 10))  # fmt: skip
    lake.wash("w-0", datetime(2026, 5, 4, 9))  # noqa: DTZ001
    chart = lake.chart("retention")
    (panel,) = chart.panels
    assert isinstance(panel, Cells)
    assert panel.are_partial == [[False]]
    assert "*" not in chart.told
    assert "Of no month has the lake seen the whole" in chart.told


def test_fleet_minutes_become_means_of_ten_with_zeros_between(lake: KnownLake) -> None:
    for minute, devices, energy_wh in ((0, 4, 50.0), (1, 6, 50.0), (20, 10, 10.0)):
        lake.add(
            "fleet_minute_versions", minute_at=MONDAY + timedelta(minutes=minute), partition=0, product="washer",
            material="WM-1", country="DE", version=1, devices=devices, readings=1, energy_wh=energy_wh, known_at=MONDAY,
        )  # fmt: skip
    in_use, power = lake.chart("fleet").panels
    assert [row[2] for row in in_use.numbers()[1]] == [1.0, 0.0, 1.0]
    assert [row[2] for row in power.numbers()[1]] == pytest.approx([0.6, 0.0, 0.06])  # 100 Wh in ten minutes: 600 W
