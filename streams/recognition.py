"""Which programme a wash cycle's course shows, when nobody tells. Pure.

The nearest of our programmes by three figures: how long it took from the first heating to the end of the spin, what the
heater took, and the mean power of the rest. Each distance is a logarithm, in units of how far sound cycles of one
programme lie apart over all models, loads and taps. A cycle that is not near any stays without a programme: a cold one,
or another maker's that ours have nothing like. How often that is right: docs/wash-cycles.md.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from schemas.uploads import Programme

USUAL_FIGURES: Mapping[Programme, tuple[float, float, float]] = {
    "cotton": (128.5, 1_108.0, 86.0),
    "synthetics": (93.3, 631.0, 75.0),
    "eco": (188.0, 500.0, 88.0),
    "quick": (43.0, 279.0, 79.0),
    "wool": (46.0, 325.0, 65.0),
}
"""Minutes, Wh of heating, W of the rest: medians of 1,972 simulated cycles of all models (seed 1)."""
SPREADS = (0.02, 0.14, 0.08)
LONGER_AT_MOST, HEATS_LESS_AT_MOST, HEATS_MORE_AT_MOST = math.log(1.25), math.log(2.1), math.log(2.0)
"""Half a drum of the smallest model in summer heats half as much as usual, a full one of the largest in winter twice;
a scaled heater and a blocked drain prolong by an eighth."""
REST_AT_MOST = math.log(1.35)
"""A motor, whoever made it, that takes more than this times the usual, or less than that part of it, is no motor of
ours: a dishwasher's pump, an iron between two strokes."""

MS_PER_MINUTE = 60_000


def recognised(lasted_ms: int, heating_ms: int, energy_wh: float, heating_wh: float) -> Programme | None:
    """The programme that a whole cycle shows; None if it is like none of ours.

    Args:
        lasted_ms: Without filling, in which next to no power is drawn.
        heating_ms, heating_wh: Time and energy of the heater.
    """
    rest_ms, rest_wh = lasted_ms - heating_ms, energy_wh - heating_wh
    if min(heating_wh, rest_ms, rest_wh) <= 0:
        return None
    figures = (lasted_ms / MS_PER_MINUTE, heating_wh, rest_wh / rest_ms * 60 * MS_PER_MINUTE)
    apart = {
        name: [math.log(figure / one) for figure, one in zip(figures, usual, strict=True)]
        for name, usual in USUAL_FIGURES.items()
    }
    nearest = min(apart, key=lambda name: sum((far / one) ** 2 for far, one in zip(apart[name], SPREADS, strict=True)))
    longer, hotter, harder = apart[nearest]
    is_near = abs(longer) <= LONGER_AT_MOST and abs(harder) <= REST_AT_MOST
    return nearest if is_near and -HEATS_LESS_AT_MOST <= hotter <= HEATS_MORE_AT_MOST else None
