"""Named places where a test can have the process killed, as by a power cut: `VAXEL_CRASH_AT=lake.after-insert`."""

from __future__ import annotations

import os
import signal

VARIABLE = "VAXEL_CRASH_AT"
POINTS = ("lake.before-begin", "lake.after-begin", "lake.after-insert", "lake.after-move", "lake.after-commit")


def reached(point: str) -> None:
    """Ends the process without any clean-up if the environment names this point."""
    assert point in POINTS, point
    if os.environ.get(VARIABLE) == point:
        os.kill(os.getpid(), signal.SIGKILL)
