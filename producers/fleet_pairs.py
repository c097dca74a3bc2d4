"""Two shoes of one pair that have a pod each: two devices, one runner."""

from __future__ import annotations

from random import Random

from schemas.fleet import FleetDevice

PAIRED = 0.1
"""Share of shoes that come as two devices."""


def partner(index: int, count: int, first_id: str) -> int | None:
    """Number of the other shoe of the pair, null for a shoe that speaks for both feet.

    Args:
        index: The shoe's own number; 2k and 2k + 1 may be neighbours, the last one alone has none.
        count: Shoes in the fleet.
        first_id: Identifier of the shoe of number 2k.
    """
    other = index ^ 1
    return other if other < count and Random(f"{first_id}/pair").random() < PAIRED else None


def pair_id(device: FleetDevice) -> str:
    """What both shoes of a pair share is drawn from this: the smaller of their identifiers, else the device's own."""
    return device.device_id if device.paired_with is None else min(device.device_id, device.paired_with)
