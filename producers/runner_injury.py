"""An overuse injury that comes, keeps its runner from running, and goes; and comes again. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

_DAY_MS = 86_400_000

_LEFT_OVER = 0.5
"""Severity on the first day back."""
_FIRST_RUN_BACK = 0.4
"""Share of the usual length on the first day back."""


@dataclass(frozen=True, slots=True)
class Health:
    """What an injury does to a runner on one day.

    Attributes:
        severity: 0 sound, 1 as bad as it gets before the runner stops running.
        share: Of the usual length of a run; below 1 only easy runs. 0: no running at all.
    """

    severity: float
    share: float


SOUND = Health(0.0, 1.0)


@dataclass(frozen=True, slots=True)
class Injury:
    """The course of a runner's injury, over and over.

    Attributes:
        first_ms: Some instant at which it began to build up.
        building_ms, break_ms, return_ms: Lengths of its parts.
        every_ms: From one beginning to the next, longer than all its parts.
        left_shift_pct: Change of the left foot's share of ground contact time where `severity` is 1.
    """

    first_ms: int
    building_ms: int
    break_ms: int
    return_ms: int
    every_ms: int
    left_shift_pct: float

    def health(self, at_ms: int) -> Health:
        """How the runner is at this instant."""
        since_ms = (at_ms - self.first_ms) % self.every_ms
        if since_ms < self.building_ms:
            return Health(since_ms / self.building_ms, 1.0)
        since_ms -= self.building_ms
        if since_ms < self.break_ms:
            return Health(1.0, 0.0)
        since_ms -= self.break_ms
        if since_ms < self.return_ms:
            back = since_ms / self.return_ms
            return Health(_LEFT_OVER * (1 - back), _FIRST_RUN_BACK + (1 - _FIRST_RUN_BACK) * back)
        return SOUND


def an_injury(nature: Random) -> Injury:
    """Three to five weeks until it hurts too much, one or two of rest, three or four of shorter runs; twice a year."""
    every_ms = round(nature.uniform(150, 210)) * _DAY_MS
    return Injury(
        first_ms=nature.randrange(every_ms),
        building_ms=round(nature.uniform(21, 35)) * _DAY_MS,
        break_ms=round(nature.uniform(8, 16)) * _DAY_MS,
        return_ms=round(nature.uniform(21, 30)) * _DAY_MS,
        every_ms=every_ms,
        left_shift_pct=nature.choice((-1, 1)) * nature.uniform(2.0, 4.0),
    )
