"""What plots leave out: sessions that go on, odd cycles, refused uploads; and how much a programme weighs."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from tests.unit.vaxel.plots.known_lake import KnownLake
from vaxel.plots.chart import Boxes, Intervals

START = datetime(2026, 5, 4, 0)  # noqa: DTZ001  (the lake's instants are UTC without saying so)


def test_a_cycle_that_goes_on_is_not_held_against_its_label(lake: KnownLake) -> None:
    lake.wash("w-1", START, label_energy_deviation_pct=10.0)
    lake.wash("w-1", START.replace(hour=2), label_energy_deviation_pct=-90.0, status="open")
    (panel,) = lake.chart("label").panels
    assert isinstance(panel, Boxes)
    assert panel.numbers()[1] == [("WM-1", 10.0, 10.0, 10.0, 10.0, 10.0, "1 cycle, 1 washing machine")]


def test_an_odd_cycle_says_nothing_of_a_firmware(lake: KnownLake) -> None:
    for number in range(3):
        for hour, (firmware, energy_wh, anomalies) in enumerate(
            (("1.0.0", 500.0, []), ("1.1.0", 550.0, []), ("1.1.0", 5000.0, ["bearing"]))
        ):
            lake.wash(
                f"w-{number}", START.replace(hour=hour), firmware=firmware, energy_wh=energy_wh, anomalies=anomalies,
                label_energy_deviation_pct=1.0,
            )  # fmt: skip
    assert _energy_pct(lake) == pytest.approx(10.0)


def test_a_programme_weighs_as_much_as_its_rarer_half(lake: KnownLake) -> None:
    """Eco was washed once before and thrice after, cotton twice each: 1 to 2, and not 3 to 2."""
    cycles = [("1.0.0", "eco", 500.0), *[("1.0.0", "cotton", 1000.0)] * 2]
    cycles += [*[("1.1.0", "eco", 750.0)] * 3, *[("1.1.0", "cotton", 1000.0)] * 2]
    for number in range(3):
        for hour, (firmware, programme, energy_wh) in enumerate(cycles):
            lake.wash(
                f"w-{number}", START.replace(hour=hour), firmware=firmware, programme=programme, energy_wh=energy_wh,
                label_energy_deviation_pct=1.0,
            )  # fmt: skip
    assert _energy_pct(lake) == pytest.approx(100 * ((750 + 2 * 1000) / (500 + 2 * 1000) - 1))


def test_a_refused_upload_is_not_late(lake: KnownLake) -> None:
    for seq, (outcome, device, late_s) in enumerate((("accepted", "w-1", 3.0), ("failed", "w-2", 86_401.0))):
        lake.add(
            "uploads", topic="telemetry.washer.v1", device_id=device, seq=seq, outcome=outcome, material="WM-1",
            last_measured_at=START, sent_at=START, received_at=START + timedelta(seconds=late_s),
        )  # fmt: skip
    chart = lake.chart("late")
    assert chart.told.startswith("1 accepted upload with readings of 1 device;")
    assert {place: share for _, place, share in chart.panels[1].numbers()[1] if share} == {1.0: 100.0, 2.0: 100.0}


def _energy_pct(lake: KnownLake) -> float:
    panel = next(panel for panel in lake.chart("firmware").panels if panel.title == "Energy of a cycle")
    assert isinstance(panel, Intervals)
    (interval,) = panel.intervals
    return interval.mean
