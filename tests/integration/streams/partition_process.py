"""Takes one partition in to its end, run by run, as a process that can be killed: SIZE KAFKA APP and three topics."""

from __future__ import annotations

import sys
from dataclasses import replace

from streams.product import WASHER
from streams.settings import EngineSettings
from tests.integration.streams.conftest import Stream


def main(size: str, kafka: str, app: str, telemetry: str, readings: str, sessions: str) -> None:
    product = replace(WASHER, telemetry=telemetry, readings=readings, sessions=sessions)
    stream = Stream(EngineSettings(kafka, app), product, 1)
    partition = stream.open()
    for number, run in enumerate(stream.runs(partition.applied, int(size)), 1):
        assert partition.apply(run)
        if number % 3 == 0:
            partition.commit()
    partition.commit()


if __name__ == "__main__":
    main(*sys.argv[1:])
