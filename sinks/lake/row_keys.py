"""By what a row of each table is known: two rows with one key are the same thing stored twice. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from schemas import lake
from schemas.lake import Table

_VERSION = ("version",)
KEYS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        # A telemetry topic that is created again counts its offsets from 0 again.
        lake.UPLOADS.name: ("topic", "partition", "offset", "received_at"),
        lake.FAILED_EVENTS.name: ("topic", "partition", "offset", "received_at", "stage"),
        lake.READINGS_WASHER.name: ("device_id", "seq", "measured_at"),
        lake.READINGS_SHOE.name: ("device_id", "seq", "measured_at"),
        # A backfill and the stream may give one number to two versions: one of them became known later.
        lake.WASH_CYCLE_VERSIONS.name: ("session_id", "version", "known_at"),
        lake.RUN_VERSIONS.name: ("session_id", "version", "known_at"),
        lake.USAGE_VERSIONS.name: ("session_id", "version"),
        lake.INSIGHT_VERSIONS.name: ("insight_id", "version", "known_at"),
        lake.ALERT_VERSIONS.name: ("alert_id", "version"),
        lake.COMPLETENESS_VERSIONS.name: ("device_id", "month", "custody_from", "version"),
        lake.FLEET_MINUTE_VERSIONS.name: ("partition", "product", "material", "country", "minute_at", "version"),
        lake.SINK_POSITION.name: ("topic", "partition"),
    }
)
"""Tables that record systems tell are left out: they may tell the same revision again."""


def key_columns(table: str) -> str:
    """The columns, as in SQL; where none are named, all."""
    return ", ".join(f'"{name}"' for name in KEYS.get(table, ())) or "*"


def repeated(table: Table) -> str:
    """SQL for the number of keys that have more than one row, and one of them as text."""
    key = key_columns(table.name)
    return (
        f"SELECT count(*), any_value(CAST(row({key}) AS VARCHAR)) FROM "
        f'(SELECT {key} FROM "{table.name}" GROUP BY {key} HAVING count(*) > 1)'
    )
