"""What new machines of each model do in each programme: the maker's type test, which wear is measured against.

Made by `python -m benchmarks.alerts_type_test`, by measuring new machines; a test holds the table against them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from schemas.uploads import Programme


@dataclass(frozen=True, slots=True)
class Figures:
    """Of one cycle, or the medians of many.

    Attributes:
        drag_nm: Power at spin speed over the speed.
        effort_wh_per_k_l: Energy that warms the suds by a kelvin, for each litre drawn in the whole cycle.
        drain_s: Time that the drain pump ran.
        top_rpm: Highest speed of the drum.
    """

    drag_nm: float
    effort_wh_per_k_l: float
    drain_s: float
    top_rpm: float


TYPE_TEST: Mapping[tuple[str, Programme], Figures] = {
    ("WM-1150", "cotton"): Figures(1.782, 0.5182, 300, 1400),
    ("WM-1150", "eco"): Figures(1.77, 0.5329, 225, 1330),
    ("WM-1150", "quick"): Figures(1.434, 0.5013, 225, 1190),
    ("WM-1150", "synthetics"): Figures(1.601, 0.4949, 300, 910),
    ("WM-1150", "wool"): Figures(1.601, 0.4811, 225, 630),
    ("WM-6010", "cotton"): Figures(1.519, 0.489, 300, 1200),
    ("WM-6010", "eco"): Figures(1.515, 0.4911, 225, 1140),
    ("WM-6010", "quick"): Figures(1.345, 0.474, 225, 1020),
    ("WM-6010", "synthetics"): Figures(1.488, 0.4648, 300, 780),
    ("WM-6010", "wool"): Figures(1.61, 0.4502, 225, 540),
    ("WM-7020", "cotton"): Figures(1.584, 0.4709, 300, 1400),
    ("WM-7020", "eco"): Figures(1.589, 0.4765, 225, 1330),
    ("WM-7020", "quick"): Figures(1.357, 0.4571, 225, 1190),
    ("WM-7020", "synthetics"): Figures(1.459, 0.4475, 300, 910),
    ("WM-7020", "wool"): Figures(1.529, 0.4337, 225, 630),
    ("WM-8030", "cotton"): Figures(1.632, 0.4559, 300, 1400),
    ("WM-8030", "eco"): Figures(1.629, 0.4628, 225, 1330),
    ("WM-8030", "quick"): Figures(1.377, 0.4422, 225, 1190),
    ("WM-8030", "synthetics"): Figures(1.497, 0.4329, 300, 910),
    ("WM-8030", "wool"): Figures(1.548, 0.4196, 225, 630),
    ("WM-9040", "cotton"): Figures(1.71, 0.4471, 300, 1600),
    ("WM-9040", "eco"): Figures(1.685, 0.4552, 225, 1520),
    ("WM-9040", "quick"): Figures(1.391, 0.4321, 225, 1360),
    ("WM-9040", "synthetics"): Figures(1.496, 0.4243, 300, 1040),
    ("WM-9040", "wool"): Figures(1.494, 0.4113, 225, 720),
}
