"""When figures of a machine's last cycles are worth an alert. Pure.

Each rule looks at one ratio (`alerts_features`) of the newest cycles that have it. It raises from `raise_pct` on and
clears only below `clear_pct`, so that a machine at the edge does not come and go.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from schemas.desk import AlertKind


@dataclass(frozen=True)
class Rule:
    """One kind of alert on one ratio.

    Attributes:
        cycles: How many of the newest cycles count.
        least: With fewer nothing is said.
        raise_pct, clear_pct: Of the score.
        below: If given, the score is the share of cycles whose ratio lies below it; else the median's excess over 1.
        says: What the score means, after the number.
    """

    kind: AlertKind
    ratio: str
    cycles: int
    least: int
    raise_pct: float
    clear_pct: float
    says: str
    below: float | None = None

    def known(self, newest_first: Sequence[float]) -> list[float]:
        """The ratios that the score is of."""
        return [ratio for ratio in newest_first if not math.isnan(ratio)][: self.cycles]

    def score(self, newest_first: Sequence[float]) -> float | None:
        """Of the ratios of a machine's cycles, NaN where there is none; None where there are too few.

        A median, because one odd cycle must not matter.
        """
        known = self.known(newest_first)
        if len(known) < self.least:
            return None
        if self.below is not None:
            return 100 * sum(ratio < self.below for ratio in known) / len(known)
        return 100 * (median(known) - 1)


RULES = (
    Rule("bearing", "drag", 12, 6, 35.0, 20.0, "% more torque to spin the drum than new"),
    Rule("heater_scale", "effort", 12, 6, 13.0, 7.0, "% more energy for a kelvin in a litre than new"),
    Rule("drain_pump", "drain", 5, 3, 70.0, 30.0, "% more time to drain than new"),
    Rule("unbalance", "speed", 12, 12, 33.0, 1.0, "% of cycles below 85 % of the spin speed when new", below=0.85),
)
"""How their numbers were found: docs/alerts.md."""
