"""How fast a drum spins, and what power that takes: friction of the bearings, air, and getting the mass to turn."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from producers.wash_heat import STEP_S

_RAMP_S = 120.0
_ELECTRONICS_W = 12.0
_MOTOR_EFFICIENCY = 0.65
_FRICTION_NM, _FRICTION_NM_PER_KG = 0.45, 0.05
_AIR_W_S3 = 6e-6
"""Drag of the air grows with the third power of the speed: 19 W at 1400/min."""
_DRUM_KG, _DRUM_RADIUS_M, _WET_FACTOR = 9.0, 0.24, 1.7
_UNBALANCE_LIMIT_KG_RPM2 = 0.5 * 1400.0**2
"""An unbalance pulls with the square of the speed; the suspension bears that of half a kilogram at 1400/min."""


def spin_rpm(wanted_rpm: float, unbalance_kg: float) -> float:
    """Speed that the machine dares: as wanted, or where the unbalance pulls as much as its suspension bears."""
    if unbalance_kg <= 0:
        return wanted_rpm
    return min(wanted_rpm, math.sqrt(_UNBALANCE_LIMIT_KG_RPM2 / unbalance_kg))


def spin_up(top_rpm: float, steps: int) -> NDArray[np.float64]:
    """Mean speed of each step: rising evenly for two minutes, then the top speed."""
    share: NDArray[np.float64] = np.minimum((np.arange(steps) + 0.5) * (STEP_S / _RAMP_S), 1.0)
    return share * top_rpm


def inertia_kg_m2(load_kg: float) -> float:
    """Of drum and wet laundry, which lies at its wall."""
    return (_DRUM_KG + load_kg * _WET_FACTOR) * _DRUM_RADIUS_M**2


def spin_power_w(rpm: NDArray[np.float64], load_kg: float, extra_friction: float = 0.0) -> NDArray[np.float64]:
    """Electric power of each step, without the pump.

    Args:
        rpm: Mean speed of each step; the drum starts from rest.
        load_kg: Dry laundry.
        extra_friction: What a worn bearing adds, as a share of a sound one's friction.
    """
    speed = rpm * (2 * math.pi / 60)
    friction_nm = (_FRICTION_NM + _FRICTION_NM_PER_KG * load_kg) * (1 + extra_friction)
    gained_j = inertia_kg_m2(load_kg) / 2 * np.diff(speed**2, prepend=0.0)
    shaft_w = friction_nm * speed + _AIR_W_S3 * speed**3 + gained_j / STEP_S
    return _ELECTRONICS_W + shaft_w / _MOTOR_EFFICIENCY
