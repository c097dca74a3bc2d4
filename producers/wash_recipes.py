"""What a washing programme does, whatever the machine."""

from __future__ import annotations

from dataclasses import dataclass

from schemas.catalogue import NOMINAL_LOAD_SHARE, WasherModel
from schemas.uploads import Programme


@dataclass(frozen=True)
class Recipe:
    """How a programme runs, whatever the machine.

    Attributes:
        suds_c: Temperature the suds are heated to.
        hold_minutes: How long the thermostat keeps them there; they cool afterwards.
        minutes: Duration with a nominal load in a machine without wear.
        load_share: Share of the nominal load that people put in.
        spin_share: Share of the machine's highest drum speed.
    """

    suds_c: float
    hold_minutes: float
    minutes: float
    rinses: int
    wash_rpm: float
    load_share: float
    spin_share: float


RECIPES: dict[Programme, Recipe] = {
    "cotton": Recipe(56.0, 12, 130, 3, 52, 1.0, 1.0),
    "synthetics": Recipe(40.0, 12, 95, 3, 48, 0.6, 0.65),
    "eco": Recipe(37.0, 10, 190, 2, 50, 1.0, 0.95),
    "quick": Recipe(30.5, 4, 45, 2, 52, 0.4, 0.85),
    "wool": Recipe(29.5, 5, 48, 2, 30, 0.35, 0.45),
}


def nominal_load_kg(model: WasherModel, programme: Programme) -> float:
    """The load the label speaks of."""
    return model.capacity_kg * NOMINAL_LOAD_SHARE * RECIPES[programme].load_share
