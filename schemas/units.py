"""Units that a device may take for the contract's own by mistake, and how to turn them back.

Factors are exact by definition (NIST SP 811, appendix B) but for the horsepower, which is rounded there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Conversion:
    """From a foreign unit to the contract's: `value * factor + offset`."""

    factor: float
    offset: float = 0.0

    def to_ours(self, value: float) -> float:
        """A value in the contract's unit."""
        return value * self.factor + self.offset

    def from_ours(self, value: float) -> float:
        """What the foreign unit makes of a value in the contract's."""
        return (value - self.offset) / self.factor


CONVERSIONS: Mapping[str, Mapping[str, Conversion]] = {
    "°C": {"°F": Conversion(5 / 9, -160 / 9), "K": Conversion(1.0, -273.15)},
    "W": {"kW": Conversion(1_000), "dW": Conversion(0.1), "mW": Conversion(0.001), "hp": Conversion(745.7)},
    "Wh": {"kWh": Conversion(1_000), "mWh": Conversion(0.001), "J": Conversion(1 / 3_600), "kJ": Conversion(1 / 3.6)},
    "mWh": {"Wh": Conversion(1_000), "kWh": Conversion(1_000_000)},
    "l": {"ml": Conversion(0.001), "cl": Conversion(0.01), "gal": Conversion(3.785411784)},
    "m": {
        "km": Conversion(1_000),
        "mi": Conversion(1_609.344),
        "yd": Conversion(0.9144),
        "ft": Conversion(0.3048),
        "cm": Conversion(0.01),
        "mm": Conversion(0.001),
    },
    "1/min": {"1/s": Conversion(60), "strides/min": Conversion(2)},
    "ms": {"s": Conversion(1_000), "us": Conversion(0.001)},
    "%": {"share": Conversion(100)},
}
"""By the contract's unit, then by the foreign one."""
