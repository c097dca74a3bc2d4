"""A record system's adapter, by the kind of system it is."""

from __future__ import annotations

from sinks.records.gear.systems import System
from sinks.records.targets.http import HttpTarget
from sinks.records.targets.postgres import PostgresTarget
from sinks.records.targets.target import Target


def open_target(system: System, address: str) -> Target:
    """The adapter; nothing is asked of the record system yet.

    Args:
        address: Of kind `postgres` a DSN; of kind `http` its URL, a token before the host (`https://:TOKEN@host/api`).
    """
    if system.kind == "http":
        return HttpTarget(system.name, address)
    return PostgresTarget(system.name, address)
