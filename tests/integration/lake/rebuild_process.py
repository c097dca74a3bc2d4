"""Restores what is damaged, as a process that can be killed: KAFKA CATALOG FILES TOPICS (JSON, by table)."""

from __future__ import annotations

import json
import sys
from dataclasses import replace

from schemas.lake import INPUTS
from sinks.lake.restore import damaged, restore


def main(kafka: str, catalog: str, files: str, topics: str) -> None:
    by_table = json.loads(topics)
    inputs = [replace(entry, topic=by_table[entry.table.name]) for entry in INPUTS]
    for faults in damaged(catalog, files).values():
        restore(kafka, catalog, files, faults, inputs=inputs)


if __name__ == "__main__":
    main(*sys.argv[1:])
