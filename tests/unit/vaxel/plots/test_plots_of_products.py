"""What plots of products, of data coming in, and of one session show of a lake whose figures are known."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import pytest

from tests.unit.vaxel.plots.known_lake import KnownLake
from vaxel.plots.chart import Bars, Boxes, Intervals, Lines

START = datetime(2026, 5, 4, 9)  # noqa: DTZ001  (the lake's instants are UTC without saying so)


def test_label_tells_how_far_cycles_of_a_model_lie_from_it(lake: KnownLake) -> None:
    for number, deviation_pct in enumerate((0.0, 10.0, 20.0, 30.0, 40.0)):
        lake.wash("w-1", START.replace(hour=number), label_energy_deviation_pct=deviation_pct)
    (panel,) = lake.chart("label").panels
    assert isinstance(panel, Boxes)
    assert panel.title == "Energy of a cycle"
    assert panel.numbers()[1] == [("WM-1", 2.0, 10.0, 20.0, 30.0, 38.0, "5 cycles, 1 washing machine")]


def test_firmware_compares_each_machine_with_itself_in_the_same_programme(lake: KnownLake) -> None:
    """After the update everything takes a tenth more; that more of the thirsty programme is washed changes nothing."""
    cycles = (
        ("1.0.0", "eco", 500.0), ("1.0.0", "cotton", 1000.0),
        ("1.1.0", "eco", 550.0), ("1.1.0", "cotton", 1100.0), ("1.1.0", "cotton", 1100.0),
    )  # fmt: skip
    for number in range(3):
        for hour, (firmware, programme, energy_wh) in enumerate(cycles):
            lake.wash(
                f"w-{number}", START.replace(hour=hour), firmware=firmware, programme=programme, energy_wh=energy_wh,
                label_energy_deviation_pct=1.0,
            )  # fmt: skip
    panels = {panel.title: panel for panel in lake.chart("firmware").panels}
    energy = panels["Energy of a cycle"]
    assert isinstance(energy, Intervals)
    (one,) = energy.intervals
    assert (one.name, one.note) == ("WM-1\n1.0.0 → 1.1.0", "n = 3")
    assert (one.low, one.mean, one.high) == pytest.approx((10.0, 10.0, 10.0))


def test_an_update_of_two_machines_is_not_drawn(lake: KnownLake) -> None:
    for number in range(2):
        for hour, firmware in enumerate(("1.0.0", "1.1.0")):
            lake.wash(f"w-{number}", START.replace(hour=hour), firmware=firmware, label_energy_deviation_pct=1.0)
    assert lake.rows("firmware") == []


def test_wear_is_each_shoe_against_its_own_first_kilometres(lake: KnownLake) -> None:
    """Three shoes of runners with different feet; after 50 km each stays 5 % longer on the ground."""
    for number, contact_ms in enumerate((200.0, 240.0, 300.0)):
        for run, change in enumerate((1.0, 1.05)):
            lake.add(
                "run_versions", session_id=f"s-{number}:{run}", version=1, status="closed", device_id=f"s-{number}",
                material="SH-1", firmware="1", started_at=START + timedelta(days=run), ended_at=START, known_at=START,
                distance_m=40_000.0, avg_ground_contact_ms=contact_ms * change,
            )  # fmt: skip
    chart = lake.chart("wear")
    assert chart.panels[0].numbers()[1] == [("SH-1", 25, 0.0), ("SH-1", 75, pytest.approx(5.0))]
    assert chart.told.startswith("6 runs in 3 shoes of runners")


def test_shoes_that_ran_no_further_than_what_they_are_compared_with_are_nothing_to_draw(lake: KnownLake) -> None:
    for number in range(3):
        lake.add(
            "run_versions", session_id=f"s-{number}", version=1, status="closed", device_id=f"s-{number}",
            material="SH-1", firmware="1", started_at=START, ended_at=START, known_at=START,
            distance_m=40_000.0, avg_ground_contact_ms=200.0,
        )  # fmt: skip
    assert lake.rows("wear") == []


def test_alerts_are_counted_by_kind_and_whether_they_still_hold(lake: KnownLake) -> None:
    for number, (kind, status) in enumerate((("bearing", "raised"), ("dormant", "cleared"), ("dormant", "raised"))):
        lake.add(
            "alert_versions", alert_id=str(number), version=1, status=status, kind=kind, product="washer",
            device_id="w-1", material="WM-1", firmware="1", happened_at=START,
        )  # fmt: skip
    (panel,) = lake.chart("alerts").panels
    assert isinstance(panel, Bars)
    assert panel.numbers()[1] == [("bearing", 1.0, 0.0, "1"), ("dormant", 1.0, 1.0, "2")]


def test_late_tells_which_share_is_later_than_each_mark(lake: KnownLake) -> None:
    for seq, (held_s, whole_s) in enumerate(((1.0, 3.0), (1.5, 86_401.0))):
        lake.add(
            "uploads", topic="telemetry.washer.v1", device_id="w-1", seq=seq, outcome="accepted", material="WM-1",
            last_measured_at=START, sent_at=START + timedelta(seconds=held_s),
            received_at=START + timedelta(seconds=whole_s),
        )  # fmt: skip
    held, whole = lake.chart("late").panels
    shares = [{place: value for _, place, value in panel.numbers()[1] if value} for panel in (held, whole)]
    until_a_day = dict.fromkeys((5.0, 10.0, 60.0, 600.0, 3_600.0, 21_600.0, 86_400.0), 50.0)
    assert shares == [{1.0: 50.0}, {1.0: 100.0, 2.0: 100.0, **until_a_day}]


def test_completeness_is_shares_of_devices_by_month(lake: KnownLake) -> None:
    for number, verdict in enumerate(("complete", "complete", "complete", "gap")):
        lake.add(
            "completeness_versions", device_id=f"w-{number}", product="washer", month=date(2026, 5, 1), version=1,
            verdict=verdict, unit="Wh", counted=1.0, arrived=1.0, missing=0.0, missing_uploads=0, refused_uploads=0,
            boards=1, known_at=START,
        )  # fmt: skip
    assert lake.chart("completeness").panels[0].numbers()[1] == [("May 2026", 75.0, 25.0, "4 washing machines")]


def test_a_session_shows_the_course_of_the_newest_cycle(lake: KnownLake) -> None:
    for hour in (0, 2):
        lake.wash("w-1", START.replace(hour=hour), energy_wh=float(hour))
        lake.add(
            "readings_washer", device_id="w-1", seq=hour, measured_at=START.replace(hour=hour, minute=30),
            span_ms=15_000, power_w=100.0 + hour, energy_wh=1.0,
        )  # fmt: skip
    chart = lake.chart("session", device="w-1")
    assert chart.title == "A wash cycle (eco): 2 Wh"
    assert [(panel.title, panel.numbers()[1]) for panel in chart.panels] == [("Power", [("power", 30.0, 102.0)])]
    assert lake.chart("session", session="w-1:05-04 00").title == "A wash cycle (eco): 0 Wh"


def test_pace_is_a_mean_and_a_pause_is_a_hole(lake: KnownLake) -> None:
    """A minute at 3 m/s, a minute of standing: 5.6 min/km, then nothing."""
    lake.add(
        "run_versions", session_id="s-1:1", version=1, status="closed", device_id="s-1", material="SH-1", firmware="1",
        started_at=START, ended_at=START + timedelta(minutes=2), known_at=START, distance_m=180.0,
    )  # fmt: skip
    for second in range(10, 121, 10):
        lake.add(
            "readings_shoe", device_id="s-1", seq=second, measured_at=START + timedelta(seconds=second), span_ms=10_000,
            distance_m=3.0 * min(second, 60),
        )  # fmt: skip
    (panel,) = lake.chart("session").panels
    assert isinstance(panel, Lines)
    assert panel.is_upside_down
    assert [row[2] for row in panel.numbers()[1]] == [pytest.approx(5.556, abs=0.001)] * 2 + [None, None]


def test_no_line_joins_what_a_runner_had_before_and_after_a_pause_or_a_lost_upload(lake: KnownLake) -> None:
    """Ten seconds of running a reading: 1 and 2; a pause, told by 3; 4 runs on; then 50 s that never arrived; 10."""
    lake.add(
        "run_versions", session_id="s-1:1", version=1, status="closed", device_id="s-1", material="SH-1", firmware="1",
        started_at=START, ended_at=START + timedelta(minutes=2), known_at=START, distance_m=300.0,
    )  # fmt: skip
    for number, metres, beats, steps in ((1, 30, 150, 170), (2, 60, 151, 171), (3, 60, 120, 0), (4, 90, 140, 172),
                                         (10, 270, 150, 173)):  # fmt: skip
        lake.add(
            "readings_shoe", device_id="s-1", seq=number, measured_at=START + timedelta(seconds=10 * number),
            span_ms=10_000, distance_m=float(metres), heart_rate_bpm=beats, cadence_spm=float(steps),
        )  # fmt: skip
    found = {panel.title: [row[2] for row in panel.numbers()[1]] for panel in lake.chart("session").panels}
    assert found["Heart rate"] == [150, 151, None, 140, None, 150]
    assert found["Cadence"] == [170.0, 171.0, None, 172.0, None, 173.0]
