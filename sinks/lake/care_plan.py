"""What to do for the lake, and what was done: the words between `care` and whoever calls it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from schemas.retention import DAY_MS, Policy

StepName = Literal["flush", "retention", "roll-up", "rewrite", "merge", "expire", "clean-up", "orphans"]
STEPS: tuple[StepName, ...] = ("flush", "retention", "roll-up", "rewrite", "merge", "expire", "clean-up", "orphans")


@dataclass(frozen=True)
class Plan:
    """What to do, and what to leave alone.

    Attributes:
        roll_up_after_days: Whole days (UTC) further back than this become hours; None: raw readings stay.
        snapshots_for_ms: How far back time travel reaches.
        grace_ms: How long a file stays after the last snapshot that needs it has gone, and how old one has to be that
            no snapshot has ever needed.
    """

    policy: Policy = field(default_factory=Policy)
    roll_up_after_days: int | None = None
    snapshots_for_ms: int = 7 * DAY_MS
    grace_ms: int = DAY_MS


@dataclass(frozen=True)
class Change:
    """What one step changed, or would change, in one table (or the lake as a whole: table is empty)."""

    table: str
    what: str
    count: int


@dataclass(frozen=True)
class Done:
    """One step that is over.

    Attributes:
        removed_bytes: Size of the files it removed.
        left: What is left to the next run, and why.
    """

    number: int
    name: StepName
    changes: tuple[Change, ...]
    removed_bytes: int = 0
    left: tuple[str, ...] = ()
