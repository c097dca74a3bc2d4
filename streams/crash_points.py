"""Named points at which a crash test may kill the process: an environment variable arms one, otherwise nothing."""

from __future__ import annotations

import os
import signal
import threading

VARIABLE = "VAXEL_CRASH_AT"
_ONE_AT_A_TIME = threading.Lock()


def crash_point(name: str) -> None:
    """Kill this process as `kill -9` would, if the variable names this point.

    `streams.step@3` kills at the third time the point is passed.
    """
    if not os.environ.get(VARIABLE):
        return
    with _ONE_AT_A_TIME:
        wanted, _, times = os.environ[VARIABLE].partition("@")
        if wanted != name:
            return
        remaining = int(times or 1) - 1
        if remaining == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        os.environ[VARIABLE] = f"{wanted}@{remaining}"
