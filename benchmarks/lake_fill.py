"""A lake full of readings: a fleet that washes, day by day, computed by DuckDB and written through the lake's tables.

The same size gives the same rows. A machine washes on four days of five, once, in one of five programmes; it tells a
reading every 15 seconds while it does. Files are parted by day and sorted, as the sink leaves them after maintenance.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

import duckdb

from schemas.lake import READINGS_WASHER, TABLES, WASH_CYCLE_VERSIONS
from sinks.lake import tables
from sinks.lake.connection import open_writer
from sinks.lake.doubt import Way

FIRST_DAY = datetime(2026, 3, 1)  # noqa: DTZ001  (the lake's instants are UTC without saying so)
DAYS = 28
READINGS_A_DAY = 342
"""Of a machine, in the mean: four cycles in five days, of 107 minutes, four readings a minute."""
MEMORY = "4GB"


@dataclass(frozen=True)
class Fleet:
    """How much there is."""

    devices: int
    days: int = DAYS

    @property
    def last_day(self) -> datetime:
        """The day after the last one."""
        return FIRST_DAY + timedelta(days=self.days)


def fleet_of(readings: int) -> Fleet:
    """The fleet that tells about so many readings in all its days.

    >>> fleet_of(100_000_000).devices
    10443
    """
    return Fleet(max(8, round(readings / DAYS / READINGS_A_DAY)))


def name_of(device: int) -> str:
    """Name of a machine by its number.

    >>> name_of(7)
    'wm-000007'
    """
    return f"wm-{device:06d}"


def fill(catalog: str, files: str, fleet: Fleet, say: Callable[[str], None]) -> int:
    """Makes the lake and fills it, a commit a day and one for the cycles; returns how many readings there are."""
    with open_writer(catalog, files, MEMORY) as lake:
        with tables.only_one(catalog):
            tables.prepare(lake, TABLES, Way())
        filled = 0
        for day in range(fleet.days):
            filled += _insert(lake, f"INSERT INTO {READINGS_WASHER.name} BY NAME {readings_sql(fleet, day)}")
            say(f"filling the lake: {filled:,} readings, day {day + 1} of {fleet.days}")
        # One insert for all days: few rows at once would go into the catalogue and not into a file.
        _insert(lake, f"INSERT INTO {WASH_CYCLE_VERSIONS.name} BY NAME {cycles_sql()}")
    return filled


def _insert(lake: duckdb.DuckDBPyConnection, statement: str) -> int:
    row = lake.execute(statement).fetchone()
    assert row is not None, "an insert tells how many rows"
    return int(row[0])


def _cycles(fleet: Fleet, day: int) -> str:
    """SQL of the day's cycles: device, session_no, start, readings, programme by its number."""
    return f"""
        SELECT device, 'wm-' || lpad(device::VARCHAR, 6, '0') AS device_id, {day + 1} AS session_no,
               TIMESTAMP '{FIRST_DAY + timedelta(days=day)}' + to_seconds(18000 + (hash(device, {day}, 1) % 57600)::INT)
                 AS started_at,
               hash(device, {day}, 2) % 100 AS dice,
               CASE WHEN dice < 35 THEN 480 WHEN dice < 60 THEN 360 WHEN dice < 80 THEN 720
                    WHEN dice < 95 THEN 120 ELSE 160 END AS readings
        FROM (SELECT range AS device FROM range({fleet.devices}))
        WHERE hash(device, {day}, 0) % 5 < 4"""


def readings_sql(fleet: Fleet, day: int) -> str:
    return f"""
        SELECT device_id, session_no * 100 + number // 20 AS seq, session_no,
               (started_at + to_seconds(15 * number))::TIMESTAMP AS measured_at, 15000 AS span_ms,
               round(CASE phase WHEN 'fill' THEN 8 WHEN 'heat' THEN 1900 WHEN 'wash' THEN 80 WHEN 'rinse' THEN 55
                     ELSE 250 END * (0.9 + noise / 5), 1) AS power_w,
               power_w * 15 / 3600 AS energy_wh,
               round(least(part * 6, 1) * 18 + greatest(part - 0.6, 0) * 90, 1) AS water_l,
               round(15 + 30 * greatest(0, least(part - 0.05, 0.2)) / 0.2 - 20 * greatest(0, part - 0.6) + noise, 1)
                 AS temperature_c,
               CASE phase WHEN 'fill' THEN 0 WHEN 'spin' THEN 1200 ELSE 52 END::DOUBLE AS drum_rpm, phase
        FROM (
          SELECT *, number / readings AS part, (hash(device, number, {day}) % 1000) / 1000 AS noise,
                 CASE WHEN part < 0.05 THEN 'fill' WHEN part < 0.25 THEN 'heat' WHEN part < 0.6 THEN 'wash'
                      WHEN part < 0.85 THEN 'rinse' ELSE 'spin' END AS phase
          FROM (SELECT *, unnest(range(1, readings + 1)) AS number FROM ({_cycles(fleet, day)}))
        )"""


def cycles_sql() -> str:
    """SQL of all cycles, from their readings."""
    return f"""
        SELECT device_id || ':' || epoch_ms(min(measured_at)) AS session_id, 1 AS version,
               'closed' AS status, device_id, 'WM-' || (6000 + substr(device_id, 4)::INT % 5 * 10) AS material,
               '3.2.1' AS firmware, session_no, min(measured_at) - INTERVAL '15 seconds' AS started_at,
               max(measured_at) AS ended_at, count(*) AS reading_count, max(measured_at) AS known_at,
               'reported' AS source,
               CASE count(*) WHEN 480 THEN 'cotton' WHEN 360 THEN 'synthetics' WHEN 720 THEN 'eco' WHEN 120 THEN 'quick'
                    ELSE 'wool' END AS programme,
               sum(energy_wh) AS energy_wh, max(power_w) AS peak_w, max(water_l) AS water_l,
               'reported' AS programme_source
        FROM {READINGS_WASHER.name} GROUP BY device_id, session_no"""
