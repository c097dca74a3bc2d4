"""Who uses a washing machine, and with what water: habits that hold until it is sold on."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import get_args

from schemas.uploads import Programme

PROGRAMMES: tuple[Programme, ...] = get_args(Programme)
_WEIGHTS: dict[Programme, int] = {"cotton": 34, "synthetics": 24, "eco": 18, "quick": 18, "wool": 6}

_HARDNESS_DH = {"SE": (1, 9), "DE": (5, 24), "GB": (2, 20), "FI": (2, 7), "US": (2, 18), "JP": (2, 6)}
_HARDNESS_ELSEWHERE_DH = (3, 18)
"""Total hardness of tap water in German degrees, between which the waterworks of a country lie, about."""

_CLEANS_IN_TIME = 0.8


@dataclass(frozen=True, slots=True)
class Owner:
    """Habits, and the water at home.

    Attributes:
        inlet_c: Temperature of the tap water.
        hardness_dh: German degrees, 17.8 mg of calcium carbonate a litre each.
        load: Mean load as a share of the nominal one.
        weights: How often each of `PROGRAMMES` is chosen.
        lint_per_kg: Share of the drain that lint of a kilogram of laundry blocks.
        cleans_at: How much of the drain is blocked when the filter is cleaned.
        descales_at_mm: How thick scale grows before it is dissolved.
        forgets_door: Share of cycles that wait for somebody to shut the door.
    """

    inlet_c: float
    hardness_dh: float
    load: float
    weights: tuple[float, ...]
    lint_per_kg: float
    cleans_at: float
    descales_at_mm: float
    forgets_door: float

    def load_share(self, rng: Random) -> float:
        """One load, as a share of the programme's nominal one: half to 1.5 of it, most near the owner's mean."""
        return self.load * rng.triangular(0.5, 1.35, 1.0)

    def programme(self, rng: Random) -> Programme:
        """What it is washed with."""
        return rng.choices(PROGRAMMES, self.weights)[0]


def owner(country: str, nature: Random) -> Owner:
    """An owner of that country. The same `nature` gives the same owner."""
    return Owner(
        inlet_c=nature.uniform(10.0, 18.0),
        hardness_dh=nature.uniform(*_HARDNESS_DH.get(country, _HARDNESS_ELSEWHERE_DH)),
        load=nature.uniform(0.8, 1.1),
        weights=tuple(_WEIGHTS[programme] * nature.uniform(0.5, 1.5) for programme in PROGRAMMES),
        lint_per_kg=nature.uniform(0.0003, 0.0015),
        cleans_at=nature.uniform(0.15, 0.42) if nature.random() < _CLEANS_IN_TIME else nature.uniform(0.48, 0.75),
        descales_at_mm=nature.uniform(0.6, 3.0),
        forgets_door=nature.uniform(0.0, 0.02),
    )
