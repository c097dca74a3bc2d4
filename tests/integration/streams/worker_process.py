"""A worker over a test's own topics, as a process that can be killed.

KAFKA APP SLOT TELEMETRY READINGS SESSIONS [settings that differ, as JSON]
"""

from __future__ import annotations

import json
import sys
from dataclasses import replace

from streams.product import WASHER
from streams.settings import EngineSettings
from streams.worker import run_worker


def main(kafka: str, app: str, slot: str, telemetry: str, readings: str, sessions: str, differing: str = "{}") -> None:
    settings = EngineSettings(kafka, app, int(slot), checkpoint_s=0.1, fetch_bytes=16_384, session_timeout_s=6.0)
    settings = replace(settings, **json.loads(differing))
    run_worker(settings, products=[replace(WASHER, telemetry=telemetry, readings=readings, sessions=sessions)])


if __name__ == "__main__":
    main(*sys.argv[1:])
