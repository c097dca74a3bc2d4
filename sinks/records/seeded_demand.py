"""What planners wrote down in ERP of spare parts, month by month, before anybody told them of alerts. Pure.

The same fleet gives the same rows; what stands there already is the planners' own and stays, whatever a longer life
of the fleet would have made them plan.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import date
from random import Random

from schemas.fleet import FleetDevice, Product
from sinks.records.assortment import SPARE_PARTS, SparePart, plant_of
from sinks.records.values import Value

_MONTHS_AHEAD = 2
"""So far beyond the month of the newest sale planners plan."""
_PLANNED = 0.85
"""Share of the months of a part for which somebody wrote a figure down."""
_SCATTER = 0.25
"""Planners differ from the rule of thumb by up to this share."""


def planned_demand(devices: Sequence[FleetDevice]) -> list[tuple[Value, ...]]:
    """Part, plant, first day of the month, pieces planned; by part, plant and month."""
    sales: defaultdict[tuple[Product, str], list[date]] = defaultdict(list)
    for device in devices:
        sales[device.product, plant_of(device.material)].append(device.sold_on)
    last = max((device.sold_on for device in devices), default=None)
    if last is None:
        return []
    for days in sales.values():
        days.sort()
    return [
        (part.part, plant, month, qty)
        for part in SPARE_PARTS
        for (product, plant), days in sorted(sales.items())
        if product == part.product
        for month in _months(days[0], last)
        if (qty := _planned(part, plant, month, bisect_left(days, month))) is not None
    ]


def _months(first: date, last: date) -> Iterator[date]:
    for number in range(first.year * 12 + first.month - 1, last.year * 12 + last.month + _MONTHS_AHEAD):
        yield date(number // 12, number % 12 + 1, 1)


def _planned(part: SparePart, plant: str, month: date, units: int) -> int | None:
    """What the planner of that part wrote down for `units` in the field; None: nothing."""
    rng = Random(f"{part.part}/{plant}/{month}/planned")
    is_planned, scatter = rng.random() < _PLANNED, rng.uniform(1 - _SCATTER, 1 + _SCATTER)
    if not is_planned:
        return None
    return math.ceil(units * part.per_unit_year / 12 * scatter)
