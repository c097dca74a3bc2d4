"""A stream worker over a benchmark's own topics: KAFKA APP SLOT TELEMETRY READINGS SESSIONS."""

from __future__ import annotations

import sys
from dataclasses import replace

from streams.product import WASHER
from streams.settings import EngineSettings
from streams.worker import run_worker


def main(kafka: str, app: str, slot: str, telemetry: str, readings: str, sessions: str) -> None:
    """Run until stopped, with the settings of every worker."""
    product = replace(WASHER, telemetry=telemetry, readings=readings, sessions=sessions)
    run_worker(EngineSettings(kafka, app, int(slot)), products=[product])


if __name__ == "__main__":
    main(*sys.argv[1:])
