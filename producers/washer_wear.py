"""What a washing machine's life makes of it: scale on the heater, a worn bearing, a drain that blocks. Pure.

Nothing here is drawn from cycle to cycle: how a machine wears follows from what was washed in it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from random import Random

from producers.wash_cycle import Condition
from producers.washer_owner import Owner

DRAIN_SLOW_FROM = 0.45
"""Share of the drain blocked from which the machine complains: it drains nearly twice as long."""

_CARBONATE_KG_PER_L_DH = 17.8e-6
_HEATER_KG_PER_MM = 0.0675
"""A millimetre of scale (2,700 kg/m³) on 0.025 m² of heater."""
_EXTRA_HEAT_PER_MM, _LOST_HEATER_PER_MM = 0.07, 0.02
_THICKEST_MM = 4.0
"""Thicker scale flakes off."""

_WEAK_BEARING = 0.05
_EXTRA_FRICTION, _VIBRATION_KG = 1.2, 0.25
_WORST_BEARING = 3.0

_TYPICAL_WASH_L, _TYPICAL_SUDS_C, _TYPICAL_LOAD_KG = 14.0, 42.0, 3.5


@dataclass(frozen=True, slots=True)
class Wear:
    """How far a machine has gone.

    Attributes:
        bearing_cycles: After how many cycles this machine's bearing has twice its friction, and more.
        cycles: Cycles of the drum, whatever its boards have counted.
        scale_mm: On the heater.
        blocked: Share of the drain.
    """

    bearing_cycles: float
    cycles: int = 0
    scale_mm: float = 0.0
    blocked: float = 0.0

    def after(self, wash_l: float, suds_c: float, load_kg: float, owner: Owner) -> Wear:
        """The machine after one more cycle; the owner cleans and descales when it has come to that.

        Args:
            wash_l: Water that was heated.
            suds_c: What it was heated to.
        """
        scale_mm = self.scale_mm + scale_growth_mm(wash_l, suds_c, owner.hardness_dh) * (
            1 - self.scale_mm / _THICKEST_MM
        )
        blocked = self.blocked + load_kg * owner.lint_per_kg
        return replace(
            self,
            cycles=self.cycles + 1,
            scale_mm=scale_mm if scale_mm < owner.descales_at_mm else 0.0,
            blocked=blocked if blocked < owner.cleans_at else 0.0,
        )

    @property
    def bearing(self) -> float:
        """0 for a sound bearing, 1 at the end of its life, `_WORST_BEARING` at most: late, and then fast."""
        return min((self.cycles / self.bearing_cycles) ** 4, _WORST_BEARING)

    @property
    def condition(self) -> Condition:
        """What a cycle shows of it."""
        return Condition(
            extra_heat=_EXTRA_HEAT_PER_MM * self.scale_mm,
            lost_heater=_LOST_HEATER_PER_MM * self.scale_mm,
            extra_friction=_EXTRA_FRICTION * self.bearing,
            vibration_kg=_VIBRATION_KG * self.bearing,
            blocked=self.blocked,
        )


def scale_growth_mm(wash_l: float, suds_c: float, hardness_dh: float) -> float:
    """Scale that one cycle leaves: the hotter, the more of the water's carbonate comes out; little below 30 °C."""
    share = 0.08 * (max(suds_c - 20.0, 0.0) / 40.0) ** 2
    return hardness_dh * _CARBONATE_KG_PER_L_DH * wash_l * share / _HEATER_KG_PER_MM


def wear_so_far(cycles: int, owner: Owner, nature: Random) -> Wear:
    """A machine that has run so many typical cycles at its owner's."""
    weak = nature.random() < _WEAK_BEARING
    bearing_cycles = nature.uniform(200.0, 600.0) if weak else nature.uniform(1_500.0, 4_000.0)
    scale_mm = cycles * scale_growth_mm(_TYPICAL_WASH_L, _TYPICAL_SUDS_C, owner.hardness_dh)
    blocked = cycles * _TYPICAL_LOAD_KG * owner.lint_per_kg
    return Wear(bearing_cycles, cycles, scale_mm % owner.descales_at_mm, blocked % owner.cleans_at)
