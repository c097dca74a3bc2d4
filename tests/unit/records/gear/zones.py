"""Systems in zones of both sides of the sea, and when their windows open."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from sinks.records.gear.calendar import window_open
from sinks.records.gear.flow import Gear
from sinks.records.gear.systems import System
from tests.unit.records.gear.sales import ERP

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
STOCKHOLM, NEW_YORK = "Europe/Stockholm", "America/New_York"


def system(zone: str, **windows: str) -> System:
    return ERP.model_copy(update={"time_zone": zone, **windows})


def local(text: str, zone: str = STOCKHOLM, fold: int = 0) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone), fold=fold).astimezone(UTC)


def opens(at: datetime, gear: Gear = "nightly", of: System = ERP) -> datetime | None:
    return window_open(of, gear, at, at)
