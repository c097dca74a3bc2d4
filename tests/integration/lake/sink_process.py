"""The sink over a test's own topics, as a process that can be killed: KAFKA CATALOG FILES TOPICS SETTINGS.

The last two are JSON: names of topics by table, and fields of `Settings`.
"""

from __future__ import annotations

import json
import signal
import sys
from dataclasses import replace
from threading import Event

from schemas.lake import INPUTS
from sinks.lake.shares import share_of
from sinks.lake.sink import Settings, run


def main(kafka: str, catalog: str, files: str, topics: str, settings: str) -> None:
    stop = Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    by_table = json.loads(topics)
    told = json.loads(settings)
    share = share_of(told.get("share", "1/1"))
    inputs = [replace(entry, topic=by_table[entry.table.name]) for entry in INPUTS]
    run(kafka, catalog, files, stop=stop, inputs=inputs, settings=Settings(**{**told, "share": share}))


if __name__ == "__main__":
    main(*sys.argv[1:])
