"""What service holds of a fleet before the gearbox tells it anything: warranties, and cases that people opened. Pure.

The same fleet gives the same rows, and a longer life of it the same ones and more.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from random import Random

from schemas.fleet import FleetDevice, Product
from sinks.records.values import Value

WARRANTY_YEARS = 2
_TERMS: dict[Product, str] = {
    "washer": "Parts and labour",
    "shoe": "Pod and sole; not what running wears off",
}
_CALLED = 0.03
"""Share of units of which somebody called service in the first months."""
_FIRST_DAYS = (5, 120)
_COMPLAINTS: dict[Product, tuple[tuple[str, str], ...]] = {
    "washer": (
        ("noise", "Loud when it spins"),
        ("leak", "Water under the machine"),
        ("door", "Door does not open after the cycle"),
    ),
    "shoe": (("pod", "Pod does not charge"), ("sole", "Sole comes off at the toe")),
}
AGENTS = ("b.ekman", "j.richter", "m.laine", "s.dahl", "t.parker")
"""Who works at service."""


def warranties(devices: Sequence[FleetDevice]) -> list[tuple[Value, ...]]:
    """Serial, first day, first day no longer covered, terms: two years from the day of sale."""
    return [
        (device.device_id, device.sold_on, _years_later(device.sold_on), _TERMS[device.product]) for device in devices
    ]


def _years_later(day: date) -> date:
    """The same day of the year; the last of February where there is none."""
    year = day.year + WARRANTY_YEARS
    return day.replace(year=year, day=28) if (day.month, day.day) == (2, 29) else day.replace(year=year)


def cases(devices: Sequence[FleetDevice]) -> list[tuple[Value, ...]]:
    """Cases that people opened and solved before the day of the newest sale; priorities are left to service's rule."""
    newest = max((device.sold_on for device in devices), default=None)
    found = (_case(device) for device in devices)
    return [row for day, row in filter(None, found) if newest is not None and day < newest]


def _case(device: FleetDevice) -> tuple[date, tuple[Value, ...]] | None:
    rng = Random(f"{device.device_id}/case")
    if rng.random() >= _CALLED:
        return None
    day = device.sold_on + timedelta(days=rng.randint(*_FIRST_DAYS))
    opened_at = datetime.combine(day, time(rng.randint(8, 16), rng.randrange(60)), UTC)
    kind, title = rng.choice(_COMPLAINTS[device.product])
    agent = rng.choice(AGENTS)
    return day, (f"cs-{device.device_id}", device.device_id, kind, "solved", title, opened_at, agent)
