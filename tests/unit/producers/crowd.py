"""A simulated stream, and a crowd of which tests pick those to whom something happens."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache
from itertools import islice

from producers.connection import offline_spells
from producers.fault_rates import FaultRates
from producers.fleet import DAY_MS, Fleet, fleet
from producers.fleet_pairs import pair_id
from producers.roll_out import roll_out
from producers.simulation import deliveries
from producers.uploads import Delivery
from schemas.fleet import LifeEventKind, Product

START_MS = int(datetime(2026, 5, 4, tzinfo=UTC).timestamp()) * 1000
RATES = FaultRates(lost=0.02, duplicated=0.03, late=0.03, reordered=0.03, truncated=0.03, hostile=0.03)
MISTAKEN = roll_out("washer:3.3.0@2026-05-06*0.5!power_kw")


@cache
def stream() -> list[Delivery]:
    return list(deliveries(fleet(3, 5, 5, START_MS, 4), RATES))


CROWD, CROWD_DAYS = 400, 14
"""Washers and shoes each, of which the tests pick those to whom something happens."""


@cache
def crowd(start_day: int = 0, days: int = CROWD_DAYS) -> Fleet:
    roll_outs = (MISTAKEN, roll_out("shoe:2.1.0@2026-05-09*0.5!distance_ft"))
    return fleet(5, CROWD, CROWD, START_MS + start_day * DAY_MS, days, roll_outs)


@cache
def touched(kind: LifeEventKind, product: Product, count: int) -> tuple[int, ...]:
    """Numbers of members of the crowd in use to whom this happens on some day after the first ones."""
    return tuple(
        islice(
            (
                number
                for number, member in enumerate(crowd().members)
                if member.device.product == product and member.habit == "used"
                for event in crowd().events_of(member)
                if event.kind == kind and START_MS + 3 * DAY_MS < event.at_ms < START_MS + (CROWD_DAYS - 3) * DAY_MS
            ),
            count,
        )
    )


@cache
def some() -> tuple[int, ...]:
    """Members of the crowd to whom everything happens that may."""
    kinds: tuple[LifeEventKind, ...] = ("resold", "board_swapped", "firmware_installed", "activated")
    products: tuple[Product, ...] = ("washer", "shoe")
    numbers = {number for kind in kinds for product in products for number in touched(kind, product, 1)}
    return tuple(
        sorted(numbers | {*touched("board_swapped", "washer", 3), *touched("lent", "shoe", 1), *offline()[:3]})
    )


@cache
def offline() -> tuple[int, ...]:
    """Members of the crowd whose phone is offline for hours on some day after the first."""
    return tuple(
        islice(
            (
                number
                for number, member in enumerate(crowd().members)
                if member.device.product == "shoe"
                and member.habit == "used"
                and member.device.activated_on
                and offline_spells(pair_id(member.device), START_MS + (CROWD_DAYS - 4) * DAY_MS)
            ),
            5,
        )
    )
