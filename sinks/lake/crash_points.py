"""Named places where a test can have the process killed, as by a power cut: `VAXEL_CRASH_AT=lake.after-insert`."""

from __future__ import annotations

import os
import signal

VARIABLE = "VAXEL_CRASH_AT"
POINTS = ("lake.before-begin", "lake.after-begin", "lake.after-insert", "lake.after-move", "lake.after-commit")

MAINTAIN_POINTS = (
    "maintain.begun",
    "maintain.positions-flushed",
    "maintain.flushed",
    "maintain.retention-in-transaction",
    "maintain.retained",
    "maintain.hours-inserted",
    "maintain.readings-deleted",
    "maintain.rolled-up",
    "maintain.rewritten",
    "maintain.merged",
    "maintain.expired",
    "maintain.cleaned-up",
    "maintain.orphans-removed",
)

PREPARE_POINTS = (
    "prepare.in-transaction",
    "prepare.tables-added",
    "prepare.positions-inlined",
    "prepare.values-in-transaction",
    "prepare.values-moved",
    "prepare.old-columns-in-transaction",
    "prepare.old-columns-gone",
)

REBUILD_POINTS = (
    "rebuild.read-anew",
    "rebuild.stand-in-written",
    "rebuild.damaged-put-aside",
    "rebuild.stand-in-placed",
    "rebuild.stand-in-told",
    "rebuild.in-transaction",
    "rebuild.committed",
)


def reached(point: str) -> None:
    """Ends the process without any clean-up if the environment names this point."""
    assert point in POINTS + MAINTAIN_POINTS + PREPARE_POINTS + REBUILD_POINTS, point
    if os.environ.get(VARIABLE) == point:
        os.kill(os.getpid(), signal.SIGKILL)
