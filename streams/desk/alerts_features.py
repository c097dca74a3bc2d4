"""What a wash cycle says of its machine, as ratios to a new machine of its model in the same programme. Pure.

| ratio | from | says |
|---|---|---|
| `drag` | power at spin speed over the speed: a torque, much the same at any speed | friction of the bearing |
| `effort` | energy of heating per kelvin and litre: a load brings its own water with it | scale on the heater |
| `drain` | time that the drain pump ran | a blocked filter, a tired pump |
| `speed` | highest speed of the drum | unbalance, of the load or of a bearing that shakes |

Dividing by the programme's own figure takes programme and model out; dividing by litres or speed takes most of the
load out. What is left scatters by 1 % (effort), 3-8 % (drag), nothing (drain) from cycle to cycle.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields

from schemas.facts import CycleAnomaly, WashCycle
from streams.desk.alerts_type_test import TYPE_TEST, Figures

DISTURBED: frozenset[CycleAnomaly] = frozenset(["power_cut", "paused", "unfinished", "readings_missing"])
"""Of such a cycle nothing is concluded: suds cooled in it, or a part of it is not known."""

MOST = 100.0
"""No machine does a hundred times what a new one does, and the state holds small numbers."""

_RPM_PER_RADIAN_S = 60 / (2 * math.pi)


@dataclass(frozen=True, slots=True)
class Ratios:
    """Each figure over that of a new machine; NaN where it was not measured, or nobody knows a new machine's."""

    drag: float = math.nan
    effort: float = math.nan
    drain: float = math.nan
    speed: float = math.nan


NOTHING = Ratios()
NAMES = tuple(field.name for field in fields(Ratios))


def ratios(cycle: WashCycle) -> Ratios:
    """The cycle against the type test of its model and programme."""
    new = None if cycle.programme is None else TYPE_TEST.get((cycle.material, cycle.programme))
    if new is None or not DISTURBED.isdisjoint(cycle.anomalies or ()):
        return NOTHING
    own = figures(cycle)
    return Ratios(
        drag=_bounded(own.drag_nm / new.drag_nm),
        effort=_bounded(own.effort_wh_per_k_l / new.effort_wh_per_k_l),
        drain=_bounded(own.drain_s / new.drain_s),
        speed=_bounded(own.top_rpm / new.top_rpm),
    )


def figures(cycle: WashCycle) -> Figures:
    """What is compared, in its own units; NaN where the cycle does not say it."""
    drag_nm = effort = math.nan
    if cycle.spin_w is not None and cycle.max_drum_rpm:
        drag_nm = cycle.spin_w / cycle.max_drum_rpm * _RPM_PER_RADIAN_S
    if cycle.heater_w is not None and cycle.heating_k_per_min and cycle.water_l:
        effort = cycle.heater_w / 60 / cycle.heating_k_per_min / cycle.water_l
    return Figures(
        drag_nm,
        effort,
        math.nan if not cycle.drain_s else cycle.drain_s,
        math.nan if not cycle.max_drum_rpm else cycle.max_drum_rpm,
    )


def _bounded(ratio: float) -> float:
    return ratio if math.isnan(ratio) else min(ratio, MOST)
