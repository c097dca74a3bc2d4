"""Washing machines to live through days, and what their uploads say."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date
from functools import cache
from itertools import pairwise
from random import Random
from typing import Any

import pytest

from producers.device import Episode
from producers.uploads import Upload
from producers.washer import Washer
from schemas.catalogue import WASHERS
from schemas.fleet import FleetDevice, LifeEvent
from schemas.uploads import MAX_SPAN_MS

START_MS = 1_780_000_000_000
HOUR_MS = 3_600_000
FIRMWARES = ("3.1.4", "3.2.1", "4.1.2")
"""One of each kind."""


def a_device(firmware: str = "3.2.1", material: str = "WM-8030", number: int = 1) -> FleetDevice:
    return FleetDevice(
        device_id=f"wm-1-{number:06d}",
        product="washer",
        material=material,
        firmware=firmware,
        country="DE",
        time_zone="Europe/Berlin",
        sold_on=date(2026, 1, 2),
        activated_on=date(2026, 1, 9),
        customer_id="cu-1-000001",
        health_consent=None,
    )


def an_event(kind: Any, *, firmware: str = "3.2.1", board_no: int = 0, customer_id: str = "cu-1-000002") -> LifeEvent:
    return LifeEvent(
        device_id="wm-1-000001",
        at_ms=START_MS,
        kind=kind,
        customer_id=customer_id,
        health_consent=None,
        country="FI",
        time_zone="Europe/Helsinki",
        firmware=firmware,
        board_no=board_no,
        mistake=None,
    )


def a_washer(device: FleetDevice, seed: int = 1, earlier_cycles: int = 100) -> Washer:
    return Washer(device, earlier_cycles, Random(f"{device.device_id}/nature/{seed}"), Random(f"{seed}/life"))


def episodes(washer: Washer, days: int) -> Iterator[Episode]:
    """A heartbeat and a cycle every day."""
    for day in range(days):
        yield washer.heartbeat(START_MS + 24 * day * HOUR_MS)
        yield washer.session(START_MS + (24 * day + 12) * HOUR_MS)


def fields_of(uploads: list[Upload]) -> list[dict[str, Any]]:
    return [json.loads(upload.value) for upload in uploads]


def energies_wh(fields: dict[str, Any]) -> list[float]:
    """What the stream makes of an upload's readings: power times span, nothing after a silence of over a minute."""
    if not fields["offset_ms"]:
        return []
    spans_ms = [fields["lead_ms"], *(later - at for at, later in pairwise(fields["offset_ms"]))]
    return [
        power_w * span_ms / HOUR_MS if span_ms <= MAX_SPAN_MS else 0.0
        for power_w, span_ms in zip(fields["power_w"], spans_ms, strict=True)
    ]


def unwritten(fields: dict[str, Any]) -> bytes:
    """For `encode`, where only the truth is looked at: writing takes most of the time."""
    return b""


@cache
def a_fleet(firmware: str) -> list[list[Upload]]:
    """Sixteen machines of all models and ages, a week each, with many power cuts and lopsided loads."""
    told = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("producers.washer._POWER_CUT", 0.5)
        patch.setattr("producers.washer._MEAN_UNBALANCE_KG", 0.4)
        for number in range(16):
            device = a_device(firmware, WASHERS[number % len(WASHERS)].material, number)
            washer = a_washer(device, number, earlier_cycles=75 * number)
            told.append([upload for episode in episodes(washer, 7) for upload in episode.uploads()])
    return told


@cache
def told_by(firmware: str) -> list[list[dict[str, Any]]]:
    """What the uploads of `a_fleet` say, not to be changed."""
    return [fields_of(uploads) for uploads in a_fleet(firmware)]
