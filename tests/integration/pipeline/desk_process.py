"""A desk of an app of its own, as a process that can be killed: KAFKA APP SLOT. SIGTERM ends it in good order."""

from __future__ import annotations

import signal
import sys

from streams.desk.worker import run_desk
from streams.settings import EngineSettings


def main(kafka: str, app: str, slot: str) -> None:
    stopped: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, _: stopped.append(number))
    settings = EngineSettings(kafka, app, slot=int(slot), checkpoint_s=0.02, session_timeout_s=6.0)
    run_desk(settings, lambda: bool(stopped))


if __name__ == "__main__":
    main(*sys.argv[1:])
