"""Writes one batch in a process of its own, which a test kills: `python writer_to_kill.py DSN SYSTEM TOKEN`."""

from __future__ import annotations

import sys

from sinks.records.targets.postgres import PostgresTarget
from tests.integration.records.targets.systems_under_test import (
    PostgresSystem,
    article_table,
    batch_for,
    delete,
    insert,
    update,
)

ROWS = (
    update("a", qty=(1, 2), note=("else", "y")),
    update("b", note=("x", " y ")),
    insert("c", qty=3),
    delete("d", qty=4),
)


def main(dsn: str, name: str, token: str) -> None:
    system = PostgresSystem(dsn, article_table(name))
    PostgresTarget(name, dsn).write(batch_for(system, *ROWS, token=token))


if __name__ == "__main__":
    main(*sys.argv[1:])
