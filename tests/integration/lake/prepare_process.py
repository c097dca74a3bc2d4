"""Prepares a lake's tables as a process that can be killed: CATALOG FILES."""

from __future__ import annotations

import sys
from contextlib import closing

from schemas.lake import TABLES
from sinks.lake.connection import open_writer
from sinks.lake.doubt import Way
from sinks.lake.tables import only_one, prepare
from sinks.lake.transactions import closed


def main(catalog: str, files: str) -> None:
    with only_one(catalog), closing(Way()) as way, closed(open_writer(catalog, files, way=way)) as lake:
        prepare(lake, TABLES, way)


if __name__ == "__main__":
    main(*sys.argv[1:])
