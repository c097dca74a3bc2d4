"""Who is out there: devices made, sold, activated, owned. The same seed gives the same fleet, and the same lives."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from operator import attrgetter
from random import Random
from typing import Literal

from producers.fleet_calendar import DAY_MS, FIRST_DAY, FIRST_DAY_MS, first_ms
from producers.fleet_events import Owners, life_events
from producers.fleet_firmware import as_made
from producers.fleet_homes import home
from producers.fleet_pairs import partner
from producers.roll_out import RollOut
from schemas.catalogue import SHOES, WASHERS
from schemas.fleet import FleetDevice, LifeEvent, Product

__all__ = ["DAY_MS", "FIRST_DAY", "FIRST_DAY_MS", "Fleet", "Habit", "Member", "first_ms", "fleet"]

Habit = Literal["used", "idle", "silent"]
"""used: has sessions; idle: powered, sends heartbeats only; silent: unplugged, or never activated."""

SOLD_LATER = 0.05
SOLD_LATER_DAYS = 14
"""Share of devices that are sold in the first simulated days, and how many days that are; the others were sold within
the year before."""

_MATERIALS: dict[Product, tuple[tuple[str, ...], tuple[int, ...]]] = {
    "washer": (tuple(model.material for model in WASHERS), (28, 26, 22, 14, 10)),
    "shoe": (tuple(model.material for model in SHOES), (34, 30, 16, 20)),
}
_PREFIXES: dict[Product, str] = {"washer": "wm", "shoe": "sh"}

_NEVER_ACTIVATED = 0.08
_IDLE = 0.05
_SILENT = 0.05
_MEAN_DAYS_TO_ACTIVATION = 12.0
_CUSTOMERS_PER_DEVICE = 0.7


@dataclass(frozen=True)
class Member:
    """A device as its first owner registered it, and how that owner uses it.

    Attributes:
        owner: Number of its first owner, who may not have activated it yet.
    """

    device: FleetDevice
    habit: Habit
    owner: int


@dataclass(frozen=True)
class Fleet:
    """All devices of one seed, and the simulated days [start_ms, end_ms).

    Attributes:
        customers: How many people there are to own them.
        roll_outs: Firmware roll-outs that somebody ordered.
    """

    seed: int
    start_ms: int
    days: int
    members: tuple[Member, ...]
    customers: int
    roll_outs: tuple[RollOut, ...] = ()

    @property
    def end_ms(self) -> int:
        return self.start_ms + self.days * DAY_MS

    @property
    def devices(self) -> list[FleetDevice]:
        return [member.device for member in self.members]

    @property
    def events(self) -> list[LifeEvent]:
        """All that happened to the devices up to the end of the simulated days, in the order of time."""
        events = [event for member in self.members for event in self.events_of(member)]
        return sorted(events, key=attrgetter("at_ms", "device_id"))

    def events_of(self, member: Member, later_ms: int = 0) -> list[LifeEvent]:
        """All that happened to one device up to the end of the simulated days and so much later, in order of time."""
        return life_events(
            member.device,
            Owners(self.seed, self.customers, member.owner),
            self.roll_outs,
            is_connected=member.habit != "silent",
            is_used=member.habit == "used",
            end_ms=self.end_ms + later_ms,
        )


def fleet(seed: int, washers: int, shoes: int, start_ms: int, days: int, roll_outs: Sequence[RollOut] = ()) -> Fleet:
    """Devices sold within the year before `FIRST_DAY` or soon after; most activated, some never, some lying idle.

    A device of the same seed and number is the same on other days, and in a larger fleet, except for its owners, and
    for the last shoe, which may find its other one there. What happens to it is the same on other days, and with other
    roll-outs, except for its firmware. It is not activated if its day comes after the simulated ones; nor is it sold
    yet, if even that day does. Identifiers contain the seed: fleets of different seeds share no device and no customer.

    Args:
        seed: >= 0.
        days: Simulated days, >= 1.
        roll_outs: In the order they were ordered.
    """
    end_day = datetime.fromtimestamp(start_ms / 1000, UTC).date() + timedelta(days=days)
    customers = max(1, round((washers + shoes) * _CUSTOMERS_PER_DEVICE))
    counts: tuple[tuple[Product, int], ...] = (("washer", washers), ("shoe", shoes))
    members = tuple(
        _member(seed, product, index, count, end_day=end_day, customers=customers)
        for product, count in counts
        for index in range(count)
    )
    return Fleet(seed, start_ms, days, members, customers, tuple(roll_outs))


def _member(seed: int, product: Product, index: int, count: int, *, end_day: date, customers: int) -> Member:
    other = partner(index, count, _device_id(seed, product, index & ~1)) if product == "shoe" else None
    rng = Random(f"{_device_id(seed, product, index if other is None else min(index, other))}/fleet")
    materials, weights = _MATERIALS[product]
    material = rng.choices(materials, weights)[0]
    sold_on = FIRST_DAY - timedelta(days=rng.randint(1, 365))
    if rng.random() < SOLD_LATER:
        sold_on = FIRST_DAY + timedelta(days=rng.randrange(SOLD_LATER_DAYS))
    unpacked_on = sold_on + timedelta(days=round(rng.expovariate(1 / _MEAN_DAYS_TO_ACTIVATION)))
    is_activated = rng.random() >= _NEVER_ACTIVATED and unpacked_on < end_day
    use = rng.random()
    habit: Habit = "idle" if use < _IDLE else "silent" if use < _IDLE + _SILENT else "used"
    owner = rng.randrange(customers)
    place = home(seed, owner)
    device = FleetDevice(
        device_id=_device_id(seed, product, index),
        product=product,
        material=material,
        firmware=as_made(product, sold_on),
        country=place.country,
        time_zone=place.time_zone,
        sold_on=sold_on,
        activated_on=unpacked_on if is_activated else None,
        customer_id=place.customer_id if is_activated else None,
        health_consent=place.health_consent if product == "shoe" else None,
        paired_with=None if other is None else _device_id(seed, product, other),
    )
    return Member(device, habit if is_activated else "silent", owner)


def _device_id(seed: int, product: Product, index: int) -> str:
    return f"{_PREFIXES[product]}-{seed}-{index:06d}"
