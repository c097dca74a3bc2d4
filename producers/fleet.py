"""Who is out there: devices made, sold, activated, owned. The same seed gives the same fleet."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from random import Random
from typing import Literal

from schemas.catalogue import SHOES, WASHERS
from schemas.errors import UsageError
from schemas.fleet import FleetDevice, Product

DAY_MS = 86_400_000

FIRST_DAY = date(2026, 5, 4)
FIRST_DAY_MS = int(datetime(2026, 5, 4, tzinfo=UTC).timestamp()) * 1000
"""Where every fleet's life begins, from midnight UTC. Numbers and counters rise from there, whatever days are sent."""

Habit = Literal["used", "idle", "silent"]
"""used: has sessions; idle: powered, sends heartbeats only; silent: unplugged, or never activated."""

_COUNTRIES = (
    ("SE", "Europe/Stockholm", 30),
    ("DE", "Europe/Berlin", 30),
    ("GB", "Europe/London", 12),
    ("FI", "Europe/Helsinki", 8),
    ("US", "America/New_York", 12),
    ("JP", "Asia/Tokyo", 8),
)
_MATERIALS: dict[Product, tuple[tuple[str, ...], tuple[int, ...]]] = {
    "washer": (tuple(model.material for model in WASHERS), (28, 26, 22, 14, 10)),
    "shoe": (tuple(model.material for model in SHOES), (34, 30, 16, 20)),
}
_FIRMWARES: dict[Product, tuple[str, ...]] = {
    "washer": ("3.1.4", "3.2.0", "3.2.1"),
    "shoe": ("1.8.2", "1.9.0", "2.0.1"),
}
_PREFIXES: dict[Product, str] = {"washer": "wm", "shoe": "sh"}

_NEVER_ACTIVATED = 0.08
_IDLE = 0.05
_SILENT = 0.05
_MEAN_DAYS_TO_ACTIVATION = 12.0
_CUSTOMERS_PER_DEVICE = 0.7
_CONSENT = 0.8


@dataclass(frozen=True)
class Member:
    """A device and how it is used during the simulated days."""

    device: FleetDevice
    habit: Habit


@dataclass(frozen=True)
class Fleet:
    """All devices of one seed, and the simulated days [start_ms, end_ms)."""

    seed: int
    start_ms: int
    days: int
    members: tuple[Member, ...]

    @property
    def end_ms(self) -> int:
        return self.start_ms + self.days * DAY_MS

    @property
    def devices(self) -> list[FleetDevice]:
        return [member.device for member in self.members]


def fleet(seed: int, washers: int, shoes: int, start_ms: int, days: int) -> Fleet:
    """Devices sold within the year before `FIRST_DAY`; most activated, some never, some lying idle.

    A device of the same seed and number is the same on other days, and in a larger fleet, except for its owner. It is
    not activated if its day comes after the simulated ones. Identifiers contain the seed: fleets of different seeds
    share no device and no customer.

    Args:
        seed: >= 0.
        days: Simulated days, >= 1.
    """
    end_day = datetime.fromtimestamp(start_ms / 1000, UTC).date() + timedelta(days=days)
    customers = max(1, round((washers + shoes) * _CUSTOMERS_PER_DEVICE))
    counts: tuple[tuple[Product, int], ...] = (("washer", washers), ("shoe", shoes))
    members = tuple(
        _member(seed, product, index, end_day=end_day, customers=customers)
        for product, count in counts
        for index in range(count)
    )
    return Fleet(seed, start_ms, days, members)


def first_ms(start: date, days: int, now_ms: int) -> int:
    """Midnight UTC of the first of these simulated days.

    Raises:
        UsageError: It comes before `FIRST_DAY`, or the last day is not over yet.
    """
    if start < FIRST_DAY:
        raise UsageError(
            f"--start {start}: the simulated life begins on {FIRST_DAY}; that day and later ones are accepted"
        )
    start_ms = FIRST_DAY_MS + (start - FIRST_DAY).days * DAY_MS
    if start_ms + days * DAY_MS > now_ms:
        raise UsageError(
            f"--start {start} with --days {days} ends in the future, which the stream refuses: "
            "the last simulated day has to be yesterday or before"
        )
    return start_ms


def _member(seed: int, product: Product, index: int, *, end_day: date, customers: int) -> Member:
    device_id = f"{_PREFIXES[product]}-{seed}-{index:06d}"
    rng = Random(f"{device_id}/fleet")
    materials, weights = _MATERIALS[product]
    material = rng.choices(materials, weights)[0]
    firmware = rng.choice(_FIRMWARES[product])
    sold_on = FIRST_DAY - timedelta(days=rng.randint(1, 365))
    unpacked_on = sold_on + timedelta(days=round(rng.expovariate(1 / _MEAN_DAYS_TO_ACTIVATION)))
    is_activated = rng.random() >= _NEVER_ACTIVATED and unpacked_on < end_day
    use = rng.random()
    habit: Habit = "idle" if use < _IDLE else "silent" if use < _IDLE + _SILENT else "used"
    customer = rng.randrange(customers)
    country, time_zone, consent = _home(seed, customer)
    device = FleetDevice(
        device_id=device_id,
        product=product,
        material=material,
        firmware=firmware,
        country=country,
        time_zone=time_zone,
        sold_on=sold_on,
        activated_on=unpacked_on if is_activated else None,
        customer_id=f"cu-{seed}-{customer:06d}" if is_activated else None,
        health_consent=consent if product == "shoe" else None,
    )
    return Member(device, habit if is_activated else "silent")


def _home(seed: int, customer: int) -> tuple[str, str, bool]:
    """Country, time zone and health consent: one customer, one home, one answer."""
    rng = Random(f"cu-{seed}-{customer}/home")
    country, time_zone, _ = rng.choices(_COUNTRIES, [weight for _, _, weight in _COUNTRIES])[0]
    return country, time_zone, rng.random() < _CONSENT
