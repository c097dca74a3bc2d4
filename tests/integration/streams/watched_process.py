"""A worker as `worker_process.py` starts it, with a log in JSON, and a step that stands still on demand.

While the file named by VAXEL_TEST_HOLD exists, no step ends.
"""

from __future__ import annotations

import json
import os
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import streams.checkpoint
from streams.product import WASHER
from streams.settings import EngineSettings
from streams.step import step
from streams.worker import run_worker

HOLD = "VAXEL_TEST_HOLD"


def held_step(*given: Any) -> Any:
    while os.environ.get(HOLD) and Path(os.environ[HOLD]).exists():
        time.sleep(0.05)
    return step(*given)


def main(kafka: str, app: str, slot: str, telemetry: str, readings: str, sessions: str, differing: str) -> None:
    settings = EngineSettings(kafka, app, int(slot), checkpoint_s=0.1, fetch_bytes=16_384, session_timeout_s=6.0)
    products = [replace(WASHER, telemetry=telemetry, readings=readings, sessions=sessions)]
    streams.checkpoint.step = held_step  # type: ignore[attr-defined,assignment]
    run_worker(replace(settings, **json.loads(differing)), "DEBUG", products, log_format="json")


if __name__ == "__main__":
    main(*sys.argv[1:])
