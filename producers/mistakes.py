"""What a firmware that mistakes a unit or a rate makes of an upload's fields, before they are encoded.

The device's own counters and sums are kept right: they are another part of its program, and the only way to see from
one upload that something is wrong.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from schemas.failures import Reason
from schemas.fleet import Product
from schemas.units import CONVERSIONS


@dataclass(frozen=True, slots=True)
class UnitMistake:
    """A channel in a foreign unit.

    Attributes:
        ours: The contract's unit of the channel.
        foreign: What the firmware takes it for; `schemas.units.CONVERSIONS` has both.
        decimals: Digits behind the point that the device writes in the foreign unit.
        breaks: What the contract finds wrong in ordinary values by then; null: their shape and ranges stay right.
    """

    product: Product
    channel: str
    ours: str
    foreign: str
    decimals: int
    breaks: Reason | None = None


@dataclass(frozen=True, slots=True)
class RateMistake:
    """A sampling rate that is declared wrong: readings lie closer together than they were taken.

    Attributes:
        factor: Declared rate over the real one, > 1: times fall together, and never leave the contract's range.
    """

    factor: int


Mistake = UnitMistake | RateMistake

MISTAKES: Mapping[str, Mistake] = {
    "temperature_f": UnitMistake("washer", "temperature_c", "°C", "°F", 1),
    "power_kw": UnitMistake("washer", "power_w", "W", "kW", 3),
    "power_dw": UnitMistake("washer", "power_w", "W", "dW", 0, breaks="out_of_range"),
    "water_ml": UnitMistake("washer", "water_l", "l", "ml", 0, breaks="out_of_range"),
    "distance_ft": UnitMistake("shoe", "distance_m", "m", "ft", 1),
    "distance_km": UnitMistake("shoe", "distance_m", "m", "km", 3),
    "cadence_one_foot": UnitMistake("shoe", "cadence_spm", "1/min", "strides/min", 0),
    "rate_double": RateMistake(2),
}
"""By the name that `LifeEvent.mistake` and a roll-out give."""


def mistakes_of(product: Product) -> list[str]:
    """Names of the mistakes that a product can make."""
    return [name for name, mistake in MISTAKES.items() if getattr(mistake, "product", product) == product]


def mistaken(fields: dict[str, Any], mistake: str | None) -> dict[str, Any]:
    """The upload's fields as a firmware with this mistake sends them; without one, the same.

    Null stays null, for a channel as for a reading; a channel the upload does not have stays away.

    Args:
        mistake: Name in `MISTAKES`.

    >>> mistaken({"power_w": [2011.6, 0.0]}, "power_kw")
    {'power_w': [2.012, 0.0]}
    """
    if mistake is None:
        return fields
    kind = MISTAKES[mistake]
    if isinstance(kind, RateMistake):
        return fields | {
            "lead_ms": fields["lead_ms"] // kind.factor,
            "offset_ms": [offset_ms // kind.factor for offset_ms in fields["offset_ms"]],
        }
    channel = fields.get(kind.channel)
    return fields if channel is None else fields | {kind.channel: _in_foreign_unit(channel, kind)}


def _in_foreign_unit(channel: list[float | None], mistake: UnitMistake) -> list[float | None]:
    ours = np.array(channel, dtype=np.float64)  # null becomes NaN
    conversion = CONVERSIONS[mistake.ours][mistake.foreign]
    values = ((ours - conversion.offset) / conversion.factor).round(mistake.decimals)
    known = ~np.isnan(values)
    written = np.full(values.shape, None, dtype=object)
    written[known] = values[known].astype(np.int64) if mistake.decimals == 0 else values[known]
    told: list[float | None] = written.tolist()
    return told
