"""Whether firmware that does something else is found, and other firmware is let be."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from random import Random
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.desk import Alert
from schemas.facts import Run, WashCycle
from streams.desk.fleet_shift import COUNTED, SHIFT_STORES, WEEK_MS, WEEKS, FleetShift
from streams.desk.shift_effect import LEAST_UPDATED, Entries, shift
from streams.desk.shift_figures import UNIT, changed_figures, cycle_figures, run_figures
from streams.store import Store, from_frame, to_frame
from tests.unit.examples import examples

START_MS = 3_000 * WEEK_MS
DAY_MS = 86_400_000


def stores() -> dict[str, Store]:
    return {name: Store(dtype) for name, dtype in SHIFT_STORES.items()}


def a_cycle(at_ms: int, **fields: Any) -> WashCycle:
    told: dict[str, Any] = {
        "session_id": str(at_ms), "version": 20, "status": "closed", "device_id": "wm-1", "material": "WM-7020",
        "firmware": "3.2.1", "session_no": 1, "started_at_ms": at_ms, "ended_at_ms": at_ms + 130 * 60_000,
        "reading_count": 480, "known_at_ms": at_ms, "source": "reported", "programme": "cotton",
        "energy_wh": 1_200.0, "peak_w": 2_150.0, "water_l": 55.0, "anomalies": [],
    }  # fmt: skip
    return WashCycle(**told | fields)


def a_run(at_ms: int, **fields: Any) -> Run:
    told: dict[str, Any] = {
        "session_id": str(at_ms), "version": 9, "status": "closed", "device_id": "sh-1", "material": "SH-220",
        "firmware": "1.9.0", "session_no": 1, "started_at_ms": at_ms, "ended_at_ms": at_ms + 2_000_000,
        "reading_count": 600, "known_at_ms": at_ms, "distance_m": 5_000.0, "steps": 5_000, "avg_cadence_spm": 165.0,
        "avg_heart_rate_bpm": None, "max_heart_rate_bpm": None, "avg_ground_contact_ms": None, "moving_s": 1_800.0,
    }  # fmt: skip
    return Run(**told | fields)


def a_fleet(rng: Random, effect: float, devices: int = 60, season: float = 0.0) -> Iterator[tuple[int, WashCycle]]:
    """Eight weeks of machines that differ by 10 % from each other; half of them are updated in the fifth one."""
    level = [rng.gauss(0, 0.1) for _ in range(devices)]
    updated_ms = [START_MS + 4 * WEEK_MS + rng.randrange(WEEK_MS) if device % 2 else None for device in range(devices)]
    for day in range(56):
        for device in rng.sample(range(devices), devices // 2):
            at_ms = START_MS + day * DAY_MS + rng.randrange(DAY_MS)
            is_new = updated_ms[device] is not None and at_ms >= updated_ms[device]  # type: ignore[operator]
            excess = level[device] + effect * is_new + season * day / 56 + rng.gauss(0, 0.12)
            firmware = "4.0.0" if is_new else "3.2.1"
            yield device, a_cycle(at_ms, energy_wh=1_200 * math.exp(excess), firmware=firmware)


def told(of: FleetShift, cycles: Iterator[tuple[int, WashCycle]]) -> list[Alert]:
    alerts = []
    for number, (slot, cycle) in enumerate(cycles):
        of.after_cycle(slot, cycle)
        if number % 40 == 0:
            alerts += of.told()
    return alerts


def test_firmware_that_draws_8_percent_more_is_told_of_as_a_cohort() -> None:
    [alert] = told(FleetShift(stores()), a_fleet(Random(1), 0.08))
    assert (alert.kind, alert.status, alert.device_id, alert.session_id) == ("cohort_shift", "raised", None, None)
    assert (alert.material, alert.firmware, alert.version) == ("WM-7020", "4.0.0", 1)
    assert alert.score == pytest.approx(8, abs=3)
    assert alert.score >= alert.threshold >= 2.5
    assert "Energy a cycle +" in alert.reason
    assert json.loads(alert.evidence)["updated_devices"] >= LEAST_UPDATED


@pytest.mark.parametrize("seed", range(3))
def test_clean_firmware_is_let_be_also_in_a_season_in_which_all_draw_more(seed: int) -> None:
    assert told(FleetShift(stores()), a_fleet(Random(seed), 0.0, season=0.3)) == []


def test_what_is_put_right_is_cleared() -> None:
    rng, of = Random(2), FleetShift(stores())
    alerts = told(of, a_fleet(rng, 0.10))
    later = (
        (device, a_cycle(START_MS + day * DAY_MS + device, firmware="4.0.0" if device % 2 else "3.2.1"))
        for day in range(56, 120)
        for device in range(60)
    )
    alerts += told(of, later)
    assert [alert.status for alert in alerts] == ["raised", "cleared"]
    assert [alert.version for alert in alerts] == [1, 2]
    assert len({alert.alert_id for alert in alerts}) == 1


def test_where_all_were_updated_at_once_nobody_can_tell() -> None:
    device, week = (axis.ravel() for axis in np.meshgrid(np.arange(40), np.arange(8)))
    entries = Entries(device, week, week >= 4, np.full(320, 3.0), np.where(week >= 4, 0.2, 0.0))
    assert shift(entries) is None


def test_the_effect_is_that_of_least_squares_with_a_level_for_every_device_and_week() -> None:
    """NumPy's own least squares over all dummies is the oracle."""
    rng = np.random.default_rng(5)
    device, week = (axis.ravel() for axis in np.meshgrid(np.arange(50), np.arange(6)))
    kept = rng.random(device.size) < 0.7
    device, week = device[kept], week[kept]
    is_after = (device % 2 == 1) & (week >= 2 + device % 3)
    mean = rng.normal(0, 0.1, 50)[device] + 0.02 * week + 0.05 * is_after + rng.normal(0, 0.05, len(device))
    count = rng.integers(1, 6, len(device)).astype(np.float64)
    columns = np.column_stack([is_after, device[:, None] == np.arange(50), week[:, None] == np.arange(1, 6)])
    root = np.sqrt(count)[:, None]
    expected = np.linalg.lstsq(columns * root, mean * root[:, 0], rcond=None)[0][0]
    found = shift(Entries(device, week, is_after, count, mean))
    assert found is not None
    assert found.effect == pytest.approx(expected, rel=1e-9)
    assert 0 < found.error < 0.05


def test_too_few_updated_devices_say_nothing() -> None:
    device, week = (axis.ravel() for axis in np.meshgrid(np.arange(40), np.arange(8)))
    is_after = (device < LEAST_UPDATED - 1) & (week >= 4)
    assert shift(Entries(device, week, is_after, np.full(320, 3.0), np.where(is_after, 0.5, 0.0))) is None


def test_a_repeat_counts_once_and_a_correction_moves_energy_and_duration() -> None:
    kept = stores()
    of, at_ms = FleetShift(kept), START_MS
    of.after_cycle(1, a_cycle(at_ms, status="open"))
    for _ in range(3):
        of.after_cycle(1, a_cycle(at_ms, energy_wh=1_100.0))
    longer = a_cycle(at_ms, energy_wh=1_200.0, status="corrected", changed_amount=100.0, changed_end_ms=600_000)
    of.after_cycle(1, longer.model_copy(update={"ended_at_ms": at_ms + 140 * 60_000}))
    row = kept["shift_devices"].values[0]
    assert row["count"].reshape(WEEKS, 3).sum(axis=0).tolist() == [1, 1, 1]
    assert (row["total"].reshape(WEEKS, 3).sum(axis=0)[:2] * UNIT).tolist() == pytest.approx(
        [0.0, math.log(140 / 130)], abs=2 * UNIT
    )


def test_figures_are_free_of_the_programme_and_leave_disturbed_cycles_out() -> None:
    assert cycle_figures(a_cycle(START_MS)) == (0, 0, 0)
    assert cycle_figures(a_cycle(START_MS, programme=None, anomalies=["unbalanced"])) == (None, None, 10_000)
    assert cycle_figures(a_cycle(START_MS, anomalies=["power_cut"])) == (None, None, 0)
    assert cycle_figures(a_cycle(START_MS, anomalies=None))[2] is None
    assert changed_figures(a_cycle(START_MS)).tolist() == [0, 0, 0]
    assert run_figures(a_run(START_MS)) == (0, 0, 0)
    assert run_figures(a_run(START_MS, avg_cadence_spm=None, steps=None, moving_s=None)) == (None, None, None)


def test_runs_make_cohorts_of_their_own() -> None:
    rng, of = Random(3), FleetShift(stores())
    alerts: list[Alert] = []
    for day in range(56):
        for device in range(40):
            is_new = bool(device % 2) and day >= 30
            stride_m = 1.1 * math.exp(rng.gauss(0, 0.03) + 0.04 * is_new)
            firmware = "2.0.1" if is_new else "1.9.0"
            run = a_run(START_MS + day * DAY_MS + device, distance_m=5_000 * stride_m, firmware=firmware)
            of.after_run(device, run)
        alerts += of.told()
    [alert] = alerts
    assert (alert.product, alert.material, alert.firmware) == ("shoe", "SH-220", "2.0.1")
    assert "Distance a step +" in alert.reason


@given(st.permutations(range(COUNTED)))
@examples(25)
def test_sums_do_not_depend_on_the_order_of_the_sessions(order: list[int]) -> None:
    cycles = [a_cycle(START_MS + number * DAY_MS, energy_wh=1_000.0 + number) for number in range(COUNTED)]
    straight, shuffled = stores(), stores()
    for kept, numbers in ((straight, range(COUNTED)), (shuffled, order)):
        of = FleetShift(kept)
        for number in numbers:
            of.after_cycle(1, cycles[number])

    def sums(kept: dict[str, Store]) -> list[tuple[int, list[int]]]:
        row = kept["shift_devices"].values[0]
        return sorted(zip(row["week"].tolist(), row["total"].reshape(WEEKS, 3).tolist(), strict=True))

    assert sums(straight) == sums(shuffled)


def test_a_device_keeps_its_newest_weeks() -> None:
    kept = stores()
    of = FleetShift(kept)
    for week in range(WEEKS + 3):
        of.after_cycle(1, a_cycle(START_MS + week * WEEK_MS))
    assert sorted(kept["shift_devices"].values[0]["week"].tolist()) == [3_003 + week for week in range(WEEKS)]
    of.forget([1, 2])
    assert len(kept["shift_devices"]) == 0


def test_a_restart_changes_nothing() -> None:
    cycles = list(a_fleet(Random(1), 0.08))
    expected = told(FleetShift(stores()), iter(cycles))
    begun, after = stores(), stores()
    found = told(FleetShift(begun), iter(cycles[:800]))
    for name, store in after.items():
        saved = begun[name].delta(0)
        assert saved is not None
        store.restore([from_frame(to_frame(saved), SHIFT_STORES[name])])
    assert found + told(FleetShift(after), iter(cycles[800:])) == expected != []
