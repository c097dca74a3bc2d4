"""Whether roll-outs of firmware that does something else are found, and those of firmware that does not are let be.

    python -m benchmarks.fleet_shift_quality [SEED] [ROLL_OUTS]

The cycles are those of simulated machines over 100 days; on day 40 a share of the machines gets new firmware, which
draws so much more energy than before. A roll-out of 0 % is a clean one.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from random import Random
from statistics import median

from benchmarks.alerts_fleet import Lived, cycles, washers
from schemas.catalogue import WASHERS
from schemas.desk import Alert
from streams.desk.fleet_shift import SHIFT_STORES, FleetShift
from streams.store import Store

DAY_MS = 86_400_000
MACHINES, DAYS, ROLL_OUT_DAY = 400, 100, 40
TOLD_EVERY = 50
"""Cycles of the fleet between two looks of the desk."""
BEFORE, AFTER = "8.0.0", "9.0.0"


@dataclass(frozen=True)
class RollOut:
    """To what share of the machines, within how many days, with how much more energy a cycle."""

    energy: float
    share: float = 0.5
    days: float = 1.0


@dataclass(frozen=True)
class Found:
    """Alerts of one roll-out, each with the number of its model's cycles with the new firmware by then."""

    alerts: Sequence[tuple[Alert, int]]

    def first(self, material: str) -> int | None:
        """After how many cycles a model's energy was told of."""
        return next((after for alert, after in self.alerts if alert.material == material and _is_energy(alert)), None)


def rolled_out(lived: Iterable[Lived], roll_out: RollOut, seed: int) -> Found:
    """What is told of it."""
    shifts = FleetShift({name: Store(dtype) for name, dtype in SHIFT_STORES.items()})
    rng, installed_ms, found = Random(seed), dict[int, float](), list[tuple[Alert, int]]()
    updated = dict.fromkeys((model.material for model in WASHERS), 0)
    start_ms = 0
    for number, one in enumerate(lived):
        start_ms = start_ms or one.cycle.started_at_ms + ROLL_OUT_DAY * DAY_MS
        if one.slot not in installed_ms:
            is_chosen, wait_days = rng.random() < roll_out.share, rng.random() * roll_out.days
            installed_ms[one.slot] = start_ms + wait_days * DAY_MS if is_chosen else float("inf")
        is_new = one.cycle.started_at_ms >= installed_ms[one.slot]
        updated[one.cycle.material] += is_new
        fields = {
            "firmware": AFTER if is_new else BEFORE,
            "energy_wh": one.cycle.energy_wh * (1 + roll_out.energy * is_new),
        }
        shifts.after_cycle(one.slot, one.cycle.model_copy(update=fields))
        if number % TOLD_EVERY == 0:
            found += [(alert, updated[alert.material]) for alert in shifts.told()]
    return Found(found)


def quality(seed: int, roll_outs: int) -> list[dict[str, str]]:
    """A line of the table for each kind of roll-out, tried so many times."""
    lived = list(cycles(washers(seed, MACHINES, DAYS)))
    rows = []
    for roll_out in (RollOut(0.0), RollOut(0.0, 0.5, 28.0), RollOut(0.0, 0.1), RollOut(0.03), RollOut(0.05),
                     RollOut(0.05, 0.5, 28.0), RollOut(0.05, 0.1), RollOut(0.10), RollOut(-0.05)):  # fmt: skip
        found = [rolled_out(lived, roll_out, number) for number in range(roll_outs)]
        first = [one.first(model.material) for one in found for model in WASHERS]
        wrong = sum(not _is_energy(alert) and alert.status == "raised" for one in found for alert, _ in one.alerts)
        after = [number for number in first if number is not None]
        rows.append(
            {
                "energy": f"{roll_out.energy:+.0%}",
                "machines": f"{roll_out.share:.0%} within {roll_out.days:.0f} d",
                "models told of": f"{len(after)} of {len(first)}",
                "cycles by then, median": f"{median(after):.0f}" if after else "-",
                "nine tenths": f"{sorted(after)[int(0.9 * len(after))]}" if after else "-",
                "other figures told of": str(wrong),
            }
        )
    return rows


def table(rows: Sequence[dict[str, str]]) -> str:
    """As Markdown."""
    lines = [list(rows[0]), ["---"] * len(rows[0]), *(list(row.values()) for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _is_energy(alert: Alert) -> bool:
    return "-energy-" in alert.alert_id


if __name__ == "__main__":
    seed, roll_outs = (int(text) for text in (*sys.argv[1:], *("2", "10")[len(sys.argv) - 1 :]))
    print(table(quality(seed, roll_outs)))  # noqa: T201
