"""Shoes, what happens to them, and what they tell, for the tests of `producers.shoe`."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from random import Random
from statistics import fmean
from typing import Any, cast

import pytest

from producers import shoe_upload
from producers.device import Episode
from producers.runner import Runner, a_runner
from producers.shoe import Shoe
from schemas.fleet import FleetDevice, LifeEvent, LifeEventKind

MONDAY_MS = int(datetime(2026, 5, 4, 16, tzinfo=UTC).timestamp()) * 1000
DAY_MS = 86_400_000
LEFT, RIGHT = "sh-1-000002", "sh-1-000003"
ADDITIONS = {"board_no", "contact_balance_pct", "location_consent", "latitude_deg", "longitude_deg"}
COUNTRIES = {"SE": "Europe/Stockholm", "US": "America/New_York", "JP": "Asia/Tokyo", "NO": "Europe/Oslo"}


def a_device(
    device_id: str = LEFT,
    *,
    paired_with: str | None = None,
    firmware: str = "1.9.0",
    country: str = "SE",
    material: str = "SH-220",
) -> FleetDevice:
    return FleetDevice(
        device_id=device_id,
        product="shoe",
        material=material,
        firmware=firmware,
        country=country,
        time_zone=COUNTRIES[country],
        sold_on=date(2026, 4, 1),
        activated_on=date(2026, 4, 20),
        customer_id="cu-1-000001",
        health_consent=True,
        paired_with=paired_with,
    )


def an_event(
    kind: LifeEventKind,
    *,
    at_ms: int = MONDAY_MS,
    firmware: str = "1.9.0",
    board_no: int = 0,
    country: str = "SE",
    customer_id: str = "cu-1-000001",
    mistake: str | None = None,
    health_consent: bool = True,
) -> LifeEvent:
    return LifeEvent(
        device_id=LEFT,
        at_ms=at_ms,
        kind=kind,
        customer_id=customer_id,
        health_consent=health_consent,
        country=country,
        time_zone=COUNTRIES[country],
        firmware=firmware,
        board_no=board_no,
        mistake=mistake,
    )


def a_shoe(device: FleetDevice | None = None, nature: int | str = 1, earlier_runs: int = 0) -> Shoe:
    device = device or a_device()
    return Shoe(device, earlier_runs, Random(nature), Random(f"{device.device_id}/life"))


def told(episode: Episode) -> list[dict[str, Any]]:
    """The fields of its uploads, without writing and reading JSON, which takes longer than to make them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shoe_upload, "encode", lambda fields: fields)
        return [cast(dict[str, Any], upload.value) for upload in episode.uploads()]


def a_run(shoe: Shoe, from_ms: int = MONDAY_MS) -> list[dict[str, Any]]:
    """The first run that is not rested away."""
    return next(uploads for uploads in days(shoe, 60, from_ms) if is_run(uploads))


def days(shoe: Shoe, count: int, from_ms: int = MONDAY_MS) -> Iterator[list[dict[str, Any]]]:
    for day in range(count):
        yield told(shoe.session(from_ms + day * DAY_MS))


def is_run(uploads: list[dict[str, Any]]) -> bool:
    return uploads[0]["run_no"] is not None


def readings(uploads: list[dict[str, Any]], channel: str) -> list[Any]:
    return [value for upload in uploads for value in upload[channel]]


def mean(uploads: list[dict[str, Any]], channel: str) -> float:
    """Of the readings in motion."""
    return fmean(value for value in readings(uploads, channel) if value is not None)


def nature_of(wanted: Any, *, starting: int = 0, country: str = "SE") -> int:
    """A seed whose runner is as wanted."""
    return next(seed for seed in range(starting, starting + 4_000) if wanted(a_runner(Random(seed), country)))


def is_sound_with_all_sensors(runner: Runner) -> bool:
    return runner.injury is None and runner.has_heart_strap and runner.loop is not None
