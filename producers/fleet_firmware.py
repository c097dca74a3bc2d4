"""Which firmware a device leaves the factory with, and when it installs the ones that follow."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from random import Random

from producers.fleet_calendar import DAY_MS, midnight_ms
from schemas.fleet import Product

RELEASES: Mapping[Product, tuple[tuple[str, date], ...]] = {
    "washer": (
        ("3.1.4", date(2024, 11, 4)),
        ("3.2.0", date(2025, 9, 15)),
        ("3.2.1", date(2026, 3, 16)),
        ("4.0.0", date(2026, 5, 6)),  # sends version 2 of the upload
    ),
    "shoe": (
        ("1.8.2", date(2024, 10, 7)),
        ("1.9.0", date(2025, 10, 20)),
        ("2.0.1", date(2026, 3, 30)),
    ),
}
"""Firmware by product, with the day of its release, oldest first. The oldest is older than any device here."""

_WEEKS_ON_STOCK = 6
"""From the factory to the shop: what is sold holds the firmware of then."""

_MEAN_DAYS_TO_INSTALL = 28.0
_SKIPS = 0.08
"""Share of devices that miss a release and wait for the next one."""


def as_made(product: Product, sold_on: date) -> str:
    """The firmware of a device that is sold on this day."""
    made_on = sold_on - timedelta(weeks=_WEEKS_ON_STOCK)
    oldest, *newer = RELEASES[product]
    return [oldest[0], *(firmware for firmware, released_on in newer if released_on <= made_on)][-1]


def updates(device_id: str, product: Product, activated_ms: int) -> Iterator[tuple[int, str]]:
    """When the device would install each release, and which; an older one than it has by then is passed over."""
    for firmware, released_on in RELEASES[product][1:]:
        rng = Random(f"{device_id}/update/{firmware}")
        waits_ms = round(rng.expovariate(1 / _MEAN_DAYS_TO_INSTALL) * DAY_MS)
        if rng.random() >= _SKIPS:
            yield max(activated_ms, midnight_ms(released_on)) + waits_ms, firmware


def is_newer(firmware: str, than: str) -> bool:
    """Whether it has the higher version number."""
    return _numbers(firmware) > _numbers(than)


def _numbers(firmware: str) -> tuple[int, ...]:
    return tuple(map(int, firmware.split(".")))
