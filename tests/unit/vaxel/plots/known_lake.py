"""A small lake whose every figure is known: rows by hand in the tables and views that `schemas.lake` declares."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import duckdb

from schemas.desk import Usage
from schemas.facts import WashCycle
from schemas.forms import columns
from tests.unit.vaxel.in_memory import empty_lake
from vaxel.plots import PLOTS
from vaxel.plots.chart import Chart


@dataclass(frozen=True)
class KnownLake:
    """The lake, and words for filling it."""

    connection: duckdb.DuckDBPyConnection

    def add(self, table: str, **values: Any) -> None:
        """One row; what is not named is null."""
        names = ", ".join(f'"{name}"' for name in values)
        marks = ", ".join("?" * len(values))
        self.connection.execute(f"INSERT INTO {table} ({names}) VALUES ({marks})", list(values.values()))

    def wash(self, device: str, started_at: datetime, **more: Any) -> None:
        """A finished cycle of an hour, and whose use it was."""
        session = f"{device}:{started_at:%m-%d %H}"
        both = {"session_id": session, "version": 1, "device_id": device, "started_at": started_at,
                "ended_at": started_at.replace(hour=started_at.hour + 1), "known_at": started_at,
                "material": "WM-1", "firmware": "1.0.0", "energy_wh": 500.0, **more}  # fmt: skip
        cycle = {"programme": "eco", "status": "closed", "anomalies": [], **both}
        use = {"status": "attributed", "product": "washer", "country": "DE", "time_zone": "Europe/Berlin",
               "local_day": started_at.date(), **both}  # fmt: skip
        self.add("wash_cycle_versions", **_of(WashCycle, cycle))
        self.add("usage_versions", **_of(Usage, use))

    def rows(self, name: str, **filters: Any) -> list[Any]:
        return next(one for one in PLOTS if one.name == name).ask(self.connection, filters)

    def chart(self, name: str, **filters: Any) -> Chart:
        return next(one for one in PLOTS if one.name == name).prepare(self.rows(name, **filters))


@contextmanager
def known_lake() -> Iterator[KnownLake]:
    with empty_lake() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        yield KnownLake(connection)


def _of(contract: Any, values: dict[str, Any]) -> dict[str, Any]:
    known = {column.lake_name for column in columns(contract)}
    return {name: value for name, value in values.items() if name in known}
