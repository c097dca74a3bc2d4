"""The type test of every model: medians of new machines' cycles, as `streams.desk.alerts_type_test` holds them.

    python -m benchmarks.alerts_type_test

prints the table's rows.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from datetime import date
from random import Random
from statistics import median

from benchmarks.alerts_fleet import Watched, wash_cycle_of
from schemas.catalogue import WASHERS
from schemas.fleet import FleetDevice
from schemas.uploads import Programme
from streams.desk.alerts_features import figures
from streams.desk.alerts_type_test import Figures

MACHINES, CYCLES = 60, 25
"""Of each model, at homes all over the world; so few cycles that nothing wears."""

Key = tuple[str, Programme]


def type_test(machines: int = MACHINES) -> Mapping[Key, Figures]:
    """Medians by model and programme."""
    found: dict[Key, list[Figures]] = defaultdict(list)
    for model in WASHERS:
        for number in range(machines):
            machine = _new_machine(model.material, number)
            for at_ms in range(CYCLES):
                machine.session(1_800_000_000_000 + at_ms * 86_400_000)
                cycle = wash_cycle_of(machine.last)
                if not cycle.anomalies and cycle.programme is not None:
                    found[model.material, cycle.programme].append(figures(cycle))
    return {
        key: Figures(
            round(median(one.drag_nm for one in of), 3),
            round(median(one.effort_wh_per_k_l for one in of), 4),
            round(median(one.drain_s for one in of)),
            round(median(one.top_rpm for one in of)),
        )
        for key, of in sorted(found.items())
    }


def _new_machine(material: str, number: int) -> Watched:
    name = f"type-test-{material}-{number}"
    device = FleetDevice(
        device_id=name,
        product="washer",
        material=material,
        firmware="4.0.0",
        country=Random(name).choice(["SE", "DE", "GB", "FI", "US", "JP"]),
        time_zone="UTC",
        sold_on=date(2026, 1, 1),
        activated_on=None,
        customer_id=None,
        health_consent=None,
    )
    return Watched(device, 0, Random(f"{name}/nature"), Random(f"{name}/life"))


def rows(table: Mapping[Key, Figures]) -> str:
    """The table as it is written into the module."""
    return "\n".join(
        f'    ("{key[0]}", "{key[1]}"): Figures({own.drag_nm}, {own.effort_wh_per_k_l}, {own.drain_s}, {own.top_rpm}),'
        for key, own in table.items()
    )


if __name__ == "__main__":
    print(rows(type_test()))  # noqa: T201
