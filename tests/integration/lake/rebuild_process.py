"""Puts tables right, as a process that can be killed: KAFKA CATALOG FILES TOPICS [TABLE].

TOPICS is JSON, by table. TABLE is made anew from Kafka; without it, what is damaged is restored.
"""

from __future__ import annotations

import json
import sys
from dataclasses import replace

from schemas.lake import INPUTS
from sinks.lake.rebuild import rebuild
from sinks.lake.restore import damaged, restore


def main(kafka: str, catalog: str, files: str, topics: str, table: str = "") -> None:
    by_table = json.loads(topics)
    inputs = [replace(entry, topic=by_table[entry.table.name]) for entry in INPUTS]
    faults = damaged(catalog, files)
    if table:
        rebuild(kafka, catalog, files, table, None, faults.get(table, []), inputs=inputs)
        return
    for found in faults.values():
        restore(kafka, catalog, files, found, inputs=inputs)


if __name__ == "__main__":
    main(*sys.argv[1:])
