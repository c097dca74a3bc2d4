"""The sink over a test's own topics, as a process that can be killed: KAFKA CATALOG FILES TOPICS (JSON, by table)."""

from __future__ import annotations

import json
import signal
import sys
from dataclasses import replace
from threading import Event

from schemas.lake import INPUTS
from sinks.lake.sink import Settings, run


def main(kafka: str, catalog: str, files: str, topics: str) -> None:
    stop = Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    by_table = json.loads(topics)
    inputs = [replace(entry, topic=by_table[entry.table.name]) for entry in INPUTS]
    run(kafka, catalog, files, stop=stop, inputs=inputs, settings=Settings(max_rows=1_000, max_age_s=0.2))


if __name__ == "__main__":
    main(*sys.argv[1:])
