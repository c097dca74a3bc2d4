"""One wash cycle as physics: phase, power, water, temperature and drum speed every 15 s.

Heating comes from the masses that get warm, the temperature difference and what the room takes (`wash_heat`); the
drum, pumps and spinning (`wash_spin`) come on top. What wear does to a machine is `Condition`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import get_args

import numpy as np
from numpy.typing import NDArray

from producers.wash_heat import (
    STEP_S,
    WATER_KJ_PER_KG_K,
    Heat,
    PowerCut,
    Tub,
    cooling,
    heat_capacity_kj_per_k,
    heating,
    holding,
)
from producers.wash_recipes import RECIPES, Recipe, nominal_load_kg
from producers.wash_spin import spin_power_w, spin_rpm, spin_up
from schemas.catalogue import NOMINAL_LOAD_SHARE, WasherModel
from schemas.uploads import Phase, Programme

STEP_MS = round(STEP_S * 1000)

PHASES: tuple[Phase, ...] = get_args(Phase)
_FILL, _HEAT, _WASH, _RINSE, _SPIN = range(len(PHASES))

NOMINAL_INLET_C = 15.0
_WASH_WATER_SHARE = 0.30
_RETAINED_L_PER_KG = 1.8
"""Water that laundry keeps when it is drained without spinning."""
_VALVE_W, _DRAIN_W = 8.0, 32.0
_FILL_S, _DRAIN_S, _RINSE_S, _SPIN_S = 180, 75, 270, 420
_SHORTEST_WASH_S = 240.0


@dataclass(frozen=True)
class Condition:
    """What wear has made of a machine, as far as a cycle shows it; a new one is all zeros.

    Attributes:
        extra_heat: Share of heating energy that scale on the heater costs on top.
        lost_heater: Share of the heater's power that is gone: under scale it runs hotter, and resists more.
        extra_friction: Share of the drum's friction on top.
        vibration_kg: Unbalance that a worn bearing feels like.
        blocked: Share of the drain that is blocked, below 1: water leaves so much more slowly.
    """

    extra_heat: float = 0.0
    lost_heater: float = 0.0
    extra_friction: float = 0.0
    vibration_kg: float = 0.0
    blocked: float = 0.0


AS_NEW = Condition()


@dataclass(frozen=True)
class Curve:
    """Readings of one cycle, rounded as the machine reports them. Reading i is the mean of [i, i + 1) steps.

    Attributes:
        water_l: Counts up from 0.
        phase: Index in `PHASES`.
        heater_wh: The share of the energy that went into the heater.
        heat_end: First step after heating.
        drained: First step after the first draining.
        spun_at: Highest drum speed as a share of what the programme wants.
    """

    power_w: NDArray[np.float64]
    water_l: NDArray[np.float64]
    temperature_c: NDArray[np.float64]
    drum_rpm: NDArray[np.int64]
    phase: NDArray[np.int64]
    heater_wh: float
    heat_end: int
    drained: int
    spun_at: float

    @property
    def energy_wh(self) -> NDArray[np.float64]:
        """Energy of each reading."""
        return self.power_w * (STEP_S / 3600)


def wash_cycle(
    model: WasherModel,
    programme: Programme,
    load_kg: float,
    inlet_c: float,
    rng: np.random.Generator,
    *,
    unbalance_kg: float = 0.0,
    condition: Condition = AS_NEW,
    cut: PowerCut | None = None,
) -> Curve:
    """One cycle from the first drop of water to the end of the last spin.

    Args:
        load_kg: Dry laundry, > 0.
        inlet_c: Temperature of the tap water, below the programme's.
        unbalance_kg: Laundry that lies on one side of the drum when it spins.
        cut: A power cut in it. Its time is not part of the curve: only what the suds lose meanwhile is.
    """
    recipe = RECIPES[programme]
    total_l = model.labels[programme].water_l * (0.7 + 0.3 * load_kg / nominal_load_kg(model, programme))
    wash_l = total_l * _WASH_WATER_SHARE
    healthy = Tub(heat_capacity_kj_per_k(wash_l, load_kg) * model.heating_factor, model.heater_w)
    tub = Tub(healthy.kj_per_k * (1 + condition.extra_heat), healthy.heater_w * (1 - condition.lost_heater))

    # Programmes take the time they need with a sound heater and drain: a scaled heater prolongs them.
    rinse_s = recipe.rinses * (_DRAIN_S + _FILL_S + _RINSE_S)
    heat_s = healthy.seconds_to(recipe.suds_c, inlet_c)
    wash_s = max(recipe.minutes * 60 - _FILL_S - heat_s - rinse_s - _DRAIN_S - _SPIN_S, _SHORTEST_WASH_S)
    fill_steps, wash_steps = round(_FILL_S / STEP_S), round(wash_s / STEP_S)
    heat = heating(tub, inlet_c, recipe.suds_c, cut and cut.seen_from(fill_steps))
    heat_end = fill_steps + heat.steps
    warm = heat.then(_washing(tub, recipe, wash_steps, cut and cut.seen_from(heat_end)))

    drain_s = _DRAIN_S / (1 - condition.blocked)
    phases = _phases(model, recipe, (wash_l, total_l), load_kg, (heat.steps, wash_steps), drain_s)
    ends = phases.steps.cumsum()
    steps, washed = int(ends[-1]), int(ends[2])
    each = np.arange(1, steps + 1)
    rinse_c = _rinse_c(float(warm.suds_c[-1]), inlet_c, (wash_l, total_l), load_kg, recipe.rinses)
    temperature_c = np.interp(each, ends[2:], rinse_c)
    temperature_c[:fill_steps], temperature_c[fill_steps:washed] = inlet_c, warm.suds_c

    power_w = phases.power_w.repeat(phases.steps)
    drum_rpm = phases.rpm.repeat(phases.steps)
    wanted_rpm = model.max_rpm * recipe.spin_share
    top_rpm = spin_rpm(wanted_rpm, unbalance_kg + condition.vibration_kg)
    spinning = slice(int(ends[-2]), steps)
    drum_rpm[spinning] = spin_up(top_rpm, int(phases.steps[-1]))
    power_w[spinning] = spin_power_w(drum_rpm[spinning], load_kg, condition.extra_friction) + _DRAIN_W

    noise = rng.standard_normal((2, steps))
    power_w *= 1 + 0.12 * noise[0]
    heater_w = warm.on * tub.heater_w
    power_w[fill_steps:washed] += heater_w
    return Curve(
        power_w=np.maximum(power_w, 0.0).round(1),
        water_l=np.interp(each, np.append(0, ends), np.append(0.0, phases.water_l)).round(2),
        temperature_c=(temperature_c + 0.15 * noise[1]).round(1),
        drum_rpm=drum_rpm.round().astype(np.int64),
        phase=phases.phase.repeat(phases.steps),
        heater_wh=float(heater_w.sum()) * STEP_S / 3600,
        heat_end=heat_end,
        drained=int(ends[3]),
        spun_at=top_rpm / wanted_rpm,
    )


def _washing(tub: Tub, recipe: Recipe, steps: int, cut: PowerCut | None) -> Heat:
    """The suds while the laundry is washed: kept warm first, then left to cool."""
    hold_steps = min(round(recipe.hold_minutes * 60 / STEP_S), steps)
    held = holding(tub, recipe.suds_c, hold_steps, cut if cut and cut.step < hold_steps else None)
    left_c = float(held.suds_c[-1])
    return held.then(cooling(tub, left_c, steps - hold_steps, cut and cut.seen_from(hold_steps)))


def _rinse_c(suds_c: float, inlet_c: float, litres: tuple[float, float], load_kg: float, rinses: int) -> list[float]:
    """Temperature at the end of washing, of each rinse's draining, filling and rinsing, of draining and spinning.

    What stays in the drum after draining mixes with fresh water.
    """
    wash_l, total_l = litres
    kept = heat_capacity_kj_per_k(load_kg * _RETAINED_L_PER_KG, load_kg)
    fresh = (total_l - wash_l) / rinses * WATER_KJ_PER_KG_K
    rows = [suds_c]
    for _ in range(rinses):
        mixed_c = (kept * rows[-1] + fresh * inlet_c) / (kept + fresh)
        rows += [rows[-1], mixed_c, mixed_c]
    return [*rows, rows[-1], rows[-1]]


@dataclass(frozen=True)
class _Phases:
    """Fill, heat, wash, then per rinse drain, fill, rinse; drain and spin at last. Water is at the end of the phase."""

    steps: NDArray[np.int64]
    power_w: NDArray[np.float64]
    rpm: NDArray[np.float64]
    water_l: NDArray[np.float64]
    phase: NDArray[np.int64]


def _phases(
    model: WasherModel,
    recipe: Recipe,
    litres: tuple[float, float],
    load_kg: float,
    heat_and_wash: tuple[int, int],
    drain_s: float,
) -> _Phases:
    wash_l, total_l = litres
    fullness = load_kg / (model.capacity_kg * NOMINAL_LOAD_SHARE)
    tumble = (model.motor_w * (0.85 + 0.15 * fullness), recipe.wash_rpm)
    heat_steps, wash_steps = heat_and_wash
    fill, drain, rinse, spin = (round(seconds / STEP_S) for seconds in (_FILL_S, drain_s, _RINSE_S, _SPIN_S))
    rows: list[tuple[float, ...]] = [  # steps, watts, drum 1/min, litres at its end, phase
        (fill, _VALVE_W, 0.0, wash_l, _FILL),
        (heat_steps, *tumble, wash_l, _HEAT),
        (wash_steps, *tumble, wash_l, _WASH),
    ]
    for number in range(1, recipe.rinses + 1):
        before_l = rows[-1][3]
        after_l = wash_l + (total_l - wash_l) * number / recipe.rinses
        rows += [
            (drain, _DRAIN_W, 0.0, before_l, _RINSE),
            (fill, _VALVE_W, 20.0, after_l, _RINSE),
            (rinse, *tumble, after_l, _RINSE),
        ]
    drawn_l = rows[-1][3]  # total_l, but for its last bit: rounded, the count could fall
    rows += [(drain, _DRAIN_W, 0.0, drawn_l, _SPIN), (spin, 0.0, 0.0, drawn_l, _SPIN)]
    table = np.array(rows)
    whole = table[:, [0, 4]].astype(np.int64)
    return _Phases(whole[:, 0], table[:, 1], table[:, 2], table[:, 3], whole[:, 1])
