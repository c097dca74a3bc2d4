"""Where everything is, and what time it is: handed in, so that nothing in the gearbox reads settings or clocks."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from sinks.records.gear.systems import System, ledger_address, system_address, systems


@dataclass(frozen=True)
class Places:
    """Addresses of the lake, the ledger and the record systems.

    Attributes:
        catalog: DSN of the lake's catalogue.
        records: DSN of the record systems' database, which models read from.
        ledger: DSN of the gearbox's ledger.
        systems: What is declared of each record system, by name.
        addresses: Where each is reached, by name.
    """

    catalog: str = field(repr=False)
    records: str = field(repr=False)
    ledger: str = field(repr=False)
    systems: Mapping[str, System]
    addresses: Mapping[str, str] = field(repr=False)


def places(environ: Mapping[str, str], catalog: str, records: str) -> Places:
    """All places of an installation whose catalogue and record systems are known."""
    known = systems()
    addresses = {name: system_address(environ, records, name) for name in known}
    return Places(catalog, records, ledger_address(environ, records), known, addresses)


def _now() -> datetime:
    return datetime.now(UTC)  # noqa: TID251  (the one clock of the gearbox's shells)


@dataclass(frozen=True)
class Clock:
    """What time it is, and how to let time pass; tests hand in their own."""

    now: Callable[[], datetime] = _now
    sleep: Callable[[float], None] = time.sleep
