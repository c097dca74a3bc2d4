"""What is a wash cycle in a power curve, as numbers. The evidence for each: docs/wash-cycles.md."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Rules:
    """What is activity, what joins it, what parts it, and how much of it is a wash cycle."""

    active_w: float = 10.0
    """A reading of at least this is activity; below it lies standby."""
    jog_ms: int = 45_000
    """Longer measured quiet ends a bout of activity: jogs of the drum each minute are a bout each. Silence is not
    quiet: nobody knows what the machine did."""
    lull_ms: int = 120_000
    """Bouts without longer measured quiet between any two of them are one stretch, and of one cycle."""
    pause_ms: int = 900_000
    """Longer time without activity, measured or silent, ends a cycle."""
    bout_ms: int = 60_000
    bout_wh: float = 2.0
    """A bout below either is a blip or a jog of the drum: it neither begins, nor extends, nor joins a cycle."""
    heating_w: float = 1_200.0
    """A reading of at least this is the heater; motors stay below."""
    heating_wh: float = 20.0
    """A bout heats when the heater took at least this in it."""
    washed_ms: int = 900_000
    """A load is washed this long after its last heating; a bout that heats after that is the next load."""
    cycle_ms: int = 300_000
    cycle_wh: float = 10.0
    """A cycle is at least this long and took at least this much."""


RULES = Rules()
