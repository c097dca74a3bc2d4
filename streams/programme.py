"""What a washing programme is like in our machines. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from schemas.uploads import Programme

PROGRAMMES: tuple[Programme, ...] = ("cotton", "synthetics", "eco", "quick", "wool")


@dataclass(frozen=True, slots=True)
class Usual:
    """What the makers of a programme gave it, whatever the machine.

    Attributes:
        drains: How often it drains: before each rinse, and before the last spin.
        spin_share: Share of the machine's highest speed that it spins at.
        wh_per_k_l: Energy that warms the suds by a kelvin for each litre of the whole cycle, in a sound machine with a
            heating factor of 1: a third of the water is warmed, with laundry and machine.
    """

    drains: int
    spin_share: float
    wh_per_k_l: float


USUAL: Mapping[Programme, Usual] = {
    "cotton": Usual(4, 1.0, 0.435),
    "synthetics": Usual(4, 0.65, 0.414),
    "eco": Usual(3, 0.95, 0.441),
    "quick": Usual(3, 0.85, 0.422),
    "wool": Usual(3, 0.45, 0.402),
}
