"""How the suds of a washing machine warm up, keep warm and cool: closed forms per stretch, a value per step.

The heater warms suds, laundry and machine, and what the room takes meanwhile comes on top:
`heater_w dt = capacity dT + LOSS_W_PER_K (T - ROOM_C) dt`, with `capacity` the heat capacity times the machine's
heating factor (parts get warm that the suds have nothing of). Specific heats: water 4.186, wet cotton about
1.4 kJ/(kg·K) (CRC Handbook of Chemistry and Physics).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

STEP_S = 15.0
"""A reading of the machine covers so many seconds."""

WATER_KJ_PER_KG_K = 4.186
TEXTILE_KJ_PER_KG_K = 1.4
MACHINE_KJ_PER_K = 6.0
"""Drum, tub and heater: about 12 kg of steel at 0.5 kJ/(kg·K)."""

ROOM_C = 20.0
LOSS_W_PER_K = 2.0
"""About 0.9 m² of tub behind two gaps of still air, at 2.2 W/(m²·K)."""


def heat_capacity_kj_per_k(water_l: float, load_kg: float) -> float:
    """What it takes to warm suds, laundry and machine by one kelvin; a litre of water weighs a kilogram."""
    return water_l * WATER_KJ_PER_KG_K + load_kg * TEXTILE_KJ_PER_KG_K + MACHINE_KJ_PER_K


@dataclass(frozen=True)
class Tub:
    """What is heated, and by how much power. `kj_per_k` includes the heating factor."""

    kj_per_k: float
    heater_w: float

    @property
    def time_constant_s(self) -> float:
        """How long it takes to cool to 37 % of its distance from the room."""
        return self.kj_per_k * 1000 / LOSS_W_PER_K

    def cooled_c(self, from_c: float, seconds: float) -> float:
        """Temperature after some time without heat."""
        return ROOM_C + (from_c - ROOM_C) * math.exp(-seconds / self.time_constant_s)

    def seconds_to(self, target_c: float, from_c: float) -> float:
        """How long the heater runs; 0 when it is warm already."""
        if from_c >= target_c:
            return 0.0
        limit_c = ROOM_C + self.heater_w / LOSS_W_PER_K
        return self.time_constant_s * math.log((limit_c - from_c) / (limit_c - target_c))


@dataclass(frozen=True)
class Heat:
    """Share of each step that the heater is on, and the temperature at its end."""

    on: NDArray[np.float64]
    suds_c: NDArray[np.float64]

    @property
    def steps(self) -> int:
        return self.on.size

    def then(self, later: Heat) -> Heat:
        """Both, one after the other."""
        return Heat(np.concatenate([self.on, later.on]), np.concatenate([self.suds_c, later.suds_c]))

    def first(self, steps: int) -> Heat:
        """The beginning of it."""
        return Heat(self.on[:steps], self.suds_c[:steps])


def warming(tub: Tub, from_c: float, target_c: float) -> Heat:
    """The heater runs until the suds are warm; the last step is hot for a part of it only. Empty when they are."""
    seconds = tub.seconds_to(target_c, from_c)
    steps = math.ceil(seconds / STEP_S)
    limit_c = ROOM_C + tub.heater_w / LOSS_W_PER_K
    run_s = np.minimum(np.arange(1, steps + 1) * STEP_S, seconds)
    return Heat(
        on=np.clip(seconds / STEP_S - np.arange(steps), 0.0, 1.0),
        suds_c=limit_c + (from_c - limit_c) * np.exp(-run_s / tub.time_constant_s),
    )


def holding(tub: Tub, target_c: float, steps: int, cut: PowerCut | None = None) -> Heat:
    """The thermostat gives a pulse of one step whenever the room has taken so much; half a kelvin up and down.

    Args:
        cut: A power cut, counted from here; what the suds lose in it is made up for afterwards, pulse upon pulse.
    """
    number = np.arange(1, steps + 1)
    taken_kj = LOSS_W_PER_K * (target_c - ROOM_C) * STEP_S / 1000 * number
    if cut is not None:
        taken_kj[cut.step :] += tub.kj_per_k * (target_c - tub.cooled_c(target_c, cut.seconds))
    pulse_kj = tub.heater_w * STEP_S / 1000
    # Pulses due by each step, at most one a step: a queue served at full speed.
    ahead = np.minimum.accumulate(np.append(0, np.floor(taken_kj / pulse_kj) - number))
    given = np.append(0, number) + ahead
    return Heat(on=np.diff(given), suds_c=target_c - (taken_kj - given[1:] * pulse_kj) / tub.kj_per_k)


def cooling(tub: Tub, from_c: float, steps: int, cut: PowerCut | None = None) -> Heat:
    """The heater is off."""
    off_s = np.arange(1, steps + 1) * STEP_S
    if cut is not None:
        off_s[cut.step :] += cut.seconds
    return Heat(np.zeros(steps), ROOM_C + (from_c - ROOM_C) * np.exp(-off_s / tub.time_constant_s))


@dataclass(frozen=True)
class PowerCut:
    """No power for some time after so many steps; the machine remembers where it was."""

    step: int
    seconds: float

    def seen_from(self, step: int) -> PowerCut | None:
        """The same, counted from a later step; None if it was before."""
        return PowerCut(self.step - step, self.seconds) if self.step >= step else None


def heating(tub: Tub, inlet_c: float, target_c: float, cut: PowerCut | None = None) -> Heat:
    """The suds are warmed, with a power cut between if it falls into it: they cool and are warmed again."""
    heat = warming(tub, inlet_c, target_c)
    if cut is None or not 0 < cut.step < heat.steps:
        return heat
    before = heat.first(cut.step)
    return before.then(warming(tub, tub.cooled_c(float(before.suds_c[-1]), cut.seconds), target_c))
