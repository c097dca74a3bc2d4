"""One wash cycle as physics: power, water, temperature and drum speed every 15 s.

Heating energy comes from the masses that get warm and the temperature difference; the drum, pumps and spinning come
on top. Specific heats: water 4.186, wet cotton about 1.4 kJ/(kg·K) (CRC Handbook of Chemistry and Physics).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from schemas.catalogue import NOMINAL_LOAD_SHARE, WasherModel
from schemas.uploads import Programme

STEP_MS = 15_000
_STEP_S = STEP_MS / 1000

WATER_KJ_PER_KG_K = 4.186
TEXTILE_KJ_PER_KG_K = 1.4
MACHINE_KJ_PER_K = 6.0
"""Drum, tub and heater: about 12 kg of steel at 0.5 kJ/(kg·K)."""

NOMINAL_INLET_C = 15.0
_WASH_WATER_SHARE = 0.30
_ROOM_C = 20.0
_COOLING_TIME_CONSTANT_S = 4 * 3600.0
_VALVE_W, _DRAIN_W = 8.0, 32.0
_FILL_S, _DRAIN_S, _RINSE_S, _SPIN_S = 180, 75, 270, 420


@dataclass(frozen=True)
class Recipe:
    """How a programme runs, whatever the machine.

    Attributes:
        suds_c: Temperature the suds are heated to.
        minutes: Duration with a nominal load.
        load_share: Share of the nominal load that people put in.
        spin_share: Share of the machine's highest drum speed.
    """

    suds_c: float
    minutes: float
    rinses: int
    wash_rpm: float
    load_share: float
    spin_share: float


RECIPES: dict[Programme, Recipe] = {
    "cotton": Recipe(57.0, 130, 3, 52, 1.0, 1.0),
    "synthetics": Recipe(40.0, 95, 3, 48, 0.6, 0.65),
    "eco": Recipe(37.0, 190, 2, 50, 1.0, 0.95),
    "quick": Recipe(30.0, 36, 2, 52, 0.4, 0.85),
    "wool": Recipe(29.0, 48, 2, 30, 0.35, 0.45),
}


@dataclass(frozen=True)
class Curve:
    """Readings of one cycle, rounded as the machine reports them. Reading i is the mean of [i, i + 1) steps.

    `heater_wh` is the share of the energy that went into the heater; `water_l` counts up from 0.
    """

    power_w: NDArray[np.float64]
    water_l: NDArray[np.float64]
    temperature_c: NDArray[np.float64]
    drum_rpm: NDArray[np.int64]
    heater_wh: float

    @property
    def energy_wh(self) -> NDArray[np.float64]:
        """Energy of each reading."""
        return self.power_w * (_STEP_S / 3600)


def nominal_load_kg(model: WasherModel, programme: Programme) -> float:
    """The load the label speaks of."""
    return model.capacity_kg * NOMINAL_LOAD_SHARE * RECIPES[programme].load_share


def wash_cycle(
    model: WasherModel, programme: Programme, load_kg: float, inlet_c: float, rng: np.random.Generator
) -> Curve:
    """One cycle from the first drop of water to the end of the last spin.

    Args:
        load_kg: Dry laundry, > 0.
        inlet_c: Temperature of the tap water, below the programme's.
    """
    recipe = RECIPES[programme]
    total_l = model.labels[programme].water_l * (0.7 + 0.3 * load_kg / nominal_load_kg(model, programme))
    wash_l = total_l * _WASH_WATER_SHARE
    heat_kj = heat_capacity_kj_per_k(wash_l, load_kg) * (recipe.suds_c - inlet_c) * model.heating_factor
    heat_steps = heat_kj / (model.heater_w / 1000 * _STEP_S)
    phases = _phases(model, recipe, wash_l, total_l, int(np.ceil(heat_steps)))

    steps = phases.steps.sum()
    heater_w = np.zeros(steps)
    first = phases.steps[0]
    on = np.clip(heat_steps - np.arange(phases.steps[1]), 0.0, 1.0)
    heater_w[first : first + on.size] = model.heater_w * on
    drawn_kj = np.cumsum(heater_w) * _STEP_S / 1000
    warm_c = inlet_c + (recipe.suds_c - inlet_c) * drawn_kj / heat_kj

    ends = np.cumsum(phases.steps)
    rinse_from = ends[2]
    cooling_s = np.maximum(np.arange(steps) - ends[1], 0) * _STEP_S
    temperature_c = _ROOM_C + (warm_c - _ROOM_C) * np.exp(-cooling_s / _COOLING_TIME_CONSTANT_S)
    temperature_c[:first] = inlet_c
    temperature_c[rinse_from:] = inlet_c + 3.0

    wobble = 1 + 0.12 * rng.standard_normal(steps)
    return Curve(
        power_w=np.maximum(heater_w + np.repeat(phases.power_w, phases.steps) * wobble, 0.0).round(1),
        water_l=np.interp(np.arange(1, steps + 1), np.append(0, ends), np.append(0.0, phases.water_l)).round(2),
        temperature_c=(temperature_c + 0.15 * rng.standard_normal(steps)).round(1),
        drum_rpm=np.repeat(phases.rpm, phases.steps).round().astype(np.int64),
        heater_wh=float(heater_w.sum()) * _STEP_S / 3600,
    )


def heat_capacity_kj_per_k(water_l: float, load_kg: float) -> float:
    """What it takes to warm suds, laundry and machine by one kelvin; a litre of water weighs a kilogram."""
    return water_l * WATER_KJ_PER_KG_K + load_kg * TEXTILE_KJ_PER_KG_K + MACHINE_KJ_PER_K


@dataclass(frozen=True)
class _Phases:
    """Fill, heat, wash, then per rinse drain, fill, rinse; drain and spin at last. Water is at the end of the phase."""

    steps: NDArray[np.int64]
    power_w: NDArray[np.float64]
    rpm: NDArray[np.float64]
    water_l: NDArray[np.float64]


def _phases(model: WasherModel, recipe: Recipe, wash_l: float, total_l: float, heat_steps: int) -> _Phases:
    tumble = (model.motor_w, recipe.wash_rpm)
    rinse_s = recipe.rinses * (_DRAIN_S + _FILL_S + _RINSE_S)
    wash_s = max(recipe.minutes * 60 - _FILL_S - heat_steps * _STEP_S - rinse_s - _DRAIN_S - _SPIN_S, 240)
    rows = [  # seconds, watts, drum 1/min, litres at its end
        (_FILL_S, _VALVE_W, 0.0, wash_l),
        (heat_steps * _STEP_S, *tumble, wash_l),
        (wash_s, *tumble, wash_l),
    ]
    for rinse in range(1, recipe.rinses + 1):
        before_l = rows[-1][3]
        after_l = wash_l + (total_l - wash_l) * rinse / recipe.rinses
        rows += [
            (_DRAIN_S, _DRAIN_W, 0.0, before_l),
            (_FILL_S, _VALVE_W, 20.0, after_l),
            (_RINSE_S, *tumble, after_l),
        ]
    spin_rpm = model.max_rpm * recipe.spin_share
    spin_w = 120 + 0.16 * spin_rpm  # bearings and air; about 340 W at 1400/min
    rows += [(_DRAIN_S, _DRAIN_W, 0.0, total_l), (_SPIN_S, spin_w, spin_rpm, total_l)]
    table = np.array(rows)
    return _Phases((table[:, 0] / _STEP_S).round().astype(np.int64), table[:, 1], table[:, 2], table[:, 3])
