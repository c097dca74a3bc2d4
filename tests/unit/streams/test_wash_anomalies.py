"""What was wrong with a cycle, held against the simulator's machines: curves cut into uploads, some of them lost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from random import Random
from typing import Any

import numpy as np
import pytest

from producers.uploads import Session
from producers.wash_cycle import AS_NEW, Condition, Curve, wash_cycle
from producers.wash_heat import PowerCut
from producers.wash_recipes import RECIPES
from producers.washer_cycle import Silence, silence, told
from producers.washer_uploads import Board, Counters
from schemas.catalogue import WASHER_BY_MATERIAL
from schemas.uploads import Programme
from streams.wash_anomalies import anomalies
from streams.wash_course import Course
from streams.wash_facts import heating_k_per_min
from tests.unit.streams.building import NOON_MS
from tests.unit.streams.simulated import facts_of

MATERIAL = "WM-7020"
MODEL = WASHER_BY_MATERIAL[MATERIAL]
OLD, ALERTING, PHASED = "1.2.0", "3.2.0", "4.0.0"


SCALED = Condition(extra_heat=0.28, lost_heater=0.08)
PROGRAMMES: list[Programme] = ["cotton", "synthetics", "eco", "quick", "wool"]


def a_curve(
    programme: Programme = "quick",
    condition: Condition = AS_NEW,
    *,
    unbalance_kg: float = 0.0,
    cut: PowerCut | None = None,
) -> Curve:
    noise = np.random.default_rng(3)
    return wash_cycle(MODEL, programme, 2.0, 12.0, noise, unbalance_kg=unbalance_kg, condition=condition, cut=cut)


def a_fact(
    curve: Curve,
    firmware: str = OLD,
    programme: Programme = "quick",
    silent: Silence | None = None,
    lost: Sequence[int] = (),
    complaints: Sequence[tuple[int, Any]] = (),
) -> dict[str, Any]:
    """The newest fact of a cycle with that curve, of which the uploads in those places never came."""
    board = Board("w-1", MATERIAL, firmware)
    session = Session("washer", "w-1", MATERIAL, 1, NOON_MS, NOON_MS, 0.0, 1, programme)
    cycle = told(session, curve, silent, list(complaints), board, Counters(1, 0, 0.0, 0.0), Random(1))
    uploads = cycle.uploads()
    last = cycle.after
    kept = [upload.value for place, upload in enumerate(uploads) if place - len(uploads) not in lost]
    idle = board.sign_of_life(session.ended_at_ms + 3_600_000, replace(last, cycles=1))
    (fact,) = facts_of([*kept, idle.value])
    return fact


def found(*args: Any, **kwargs: Any) -> list[str]:
    return a_fact(*args, **kwargs)["anomalies"]  # type: ignore[no-any-return]


@cache
def sound() -> Curve:
    return a_curve()


@pytest.mark.parametrize("firmware", [OLD, ALERTING, PHASED])
@pytest.mark.parametrize("programme", PROGRAMMES)
def test_nothing_is_wrong_with_a_sound_cycle(programme: Programme, firmware: str) -> None:
    assert found(a_curve(programme), firmware, programme) == []


@pytest.mark.parametrize("firmware", [OLD, ALERTING, PHASED])
def test_a_power_cut_in_the_middle_is_silence_though_no_upload_is_missing(firmware: str) -> None:
    gap = silence(sound(), 300_000, Random(1), ends=False)
    assert found(a_curve(cut=gap.cut), firmware, silent=gap) == ["power_cut"]


def test_a_power_cut_that_ends_a_cycle_leaves_it_unfinished() -> None:
    gap = Silence(95, 300_000, ends=True)
    assert found(sound(), OLD, silent=gap) == ["unfinished"]
    assert found(sound(), PHASED, silent=gap) == ["power_cut", "unfinished"]


@pytest.mark.parametrize("lost", [[-1], [-4], [-3, -2]])
def test_readings_are_missing_where_an_upload_never_came(lost: list[int]) -> None:
    assert found(sound(), lost=lost) == ["readings_missing"]


def test_readings_are_missing_where_the_first_upload_never_came() -> None:
    cycle = a_fact(sound())
    first = -(cycle["version"] - 1)
    assert found(sound(), lost=[first]) == ["readings_missing"]
    assert a_fact(sound(), lost=[first])["label_energy_deviation_pct"] is None


def test_an_unbalanced_load_spins_below_85_percent_of_what_its_programme_wants() -> None:
    at_limit_kg = 0.5 * 1400**2 / (0.85 * MODEL.max_rpm * 0.85) ** 2
    assert found(a_curve(unbalance_kg=at_limit_kg * 1.02)) == ["unbalanced"]
    assert found(a_curve(unbalance_kg=at_limit_kg * 0.98)) == []


def test_a_scaled_heater_heats_slowly() -> None:
    for programme in PROGRAMMES:
        assert found(a_curve(programme, SCALED), programme=programme) == ["slow_heating"]
        lightly = Condition(extra_heat=0.05, lost_heater=0.01)
        assert found(a_curve(programme, lightly), programme=programme) == []


def test_a_blocked_drain_drains_slowly() -> None:
    assert found(a_curve(condition=Condition(blocked=0.5))) == ["slow_draining"]
    assert found(a_curve(condition=Condition(blocked=0.35))) == []


def test_alerts_are_believed() -> None:
    complaints = [(20, "drain_slow"), (40, "unbalance"), (60, "door_open"), (90, "power_cut")]
    names = ["power_cut", "unbalanced", "slow_draining", "door_open"]
    assert found(sound(), ALERTING, complaints=complaints) == names
    assert found(sound(), OLD, complaints=complaints) == []


def a_course(**fields: Any) -> Course:
    """A sound quick cycle, as far as its anomalies go."""
    sound: dict[str, Any] = {
        "material": MATERIAL, "programme": "quick", "is_over": True, "is_detected": False, "energy_wh": 300.0,
        "water_l": 35.0, "peak_w": 2_080.0, "lasted_ms": 2_700_000,
        "phase_ms": (180_000, 480_000, 500_000, 1_080_000, 460_000),
        "covered_ms": 2_700_000, "hot_ms": 450_000, "drain_ms": 225_000, "waiting_ms": 180_000, "heating_wh": 270.0,
        "hot_wh": 260.0, "spin_ms": 300_000, "spin_wh": 20.0, "hottest_c": 30.5, "coldest_c": 14.9,
        "fastest_rpm": 1_190, "missing_uploads": 0, "begins_late_ms": 0, "alerts": frozenset(), "has_end": True,
    }  # fmt: skip
    return Course(**(sound | fields))


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        pytest.param({}, [], id="sound"),
        pytest.param({"waiting_ms": 421_000}, ["paused"], id="it stood still for four minutes more than it fills"),
        pytest.param({"waiting_ms": 420_000}, [], id="its tap is weak"),
        pytest.param({"is_over": False, "has_end": False, "phase_ms": (0,) * 5}, [], id="it goes on"),
        pytest.param({"has_end": False}, ["readings_missing"], id="its end never came"),
        pytest.param({"begins_late_ms": 61_000}, ["readings_missing"], id="its beginning never came"),
        pytest.param({"fastest_rpm": 700, "spin_ms": 30_000}, [], id="no steady speed is known"),
        pytest.param({"phase_ms": (0,) * 5, "fastest_rpm": 0, "spin_ms": 0}, [], id="it knows its power alone"),
        pytest.param({"material": "another", "fastest_rpm": 200, "hottest_c": 20.0}, [], id="an unknown model"),
    ],
)
def test_a_course_has_anomalies(fields: dict[str, Any], expected: list[str]) -> None:
    course = a_course(**fields)
    assert anomalies(course, heating_k_per_min(course)) == expected


def test_the_pump_runs_as_long_as_the_curve_has_it_drain() -> None:
    for blocked, steps in ((0.0, 5), (0.5, 10)):
        for programme in PROGRAMMES:
            curve, drains = a_curve(programme, Condition(blocked=blocked)), RECIPES[programme].rinses + 1
            for firmware in (OLD, PHASED):
                assert a_fact(curve, firmware, programme)["drain_s"] == 15.0 * steps * drains


def test_heating_and_spinning_are_those_of_the_machine() -> None:
    fact = a_fact(a_curve("cotton"), programme="cotton")
    curve = a_curve("cotton")
    assert fact["heater_w"] == pytest.approx(MODEL.heater_w + MODEL.motor_w, rel=0.02)
    assert fact["heat_energy_wh"] == pytest.approx(curve.heater_wh, rel=0.06)
    assert fact["heat_energy_wh"] >= curve.heater_wh * 0.99
    steady = curve.drum_rpm == curve.drum_rpm.max()
    assert fact["spin_w"] == pytest.approx(float(curve.power_w[steady].mean()), abs=0.1)
    assert fact["max_temperature_c"] == curve.temperature_c.max()
    rise_k_per_min = (56.0 - 12.0) / ((curve.heat_end - 12) * 15 / 60)
    assert fact["heating_k_per_min"] == pytest.approx(rise_k_per_min, rel=0.06)


def test_the_label_is_met_by_a_nominal_load_and_missed_by_a_scaled_heater() -> None:
    sound, scaled = (
        wash_cycle(MODEL, "cotton", MODEL.capacity_kg * 0.7, 15.0, np.random.default_rng(1), condition=condition)
        for condition in (AS_NEW, SCALED)
    )
    fact = a_fact(sound, programme="cotton")
    assert fact["label_energy_deviation_pct"] == pytest.approx(0.0, abs=5.0)
    assert fact["label_water_deviation_pct"] == pytest.approx(0.0, abs=0.1)
    assert a_fact(scaled, programme="cotton")["label_energy_deviation_pct"] > fact["label_energy_deviation_pct"] + 15
