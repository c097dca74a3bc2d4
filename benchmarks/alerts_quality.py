"""What alerts on machines are worth, held against what was really the matter with simulated ones.

    python -m benchmarks.alerts_quality [SEED] [MACHINES] [DAYS] [SCATTER]

prints the table. Thresholds were chosen on seed 1; the tables in docs/alerts.md are of seed 2. SCATTER is what
simulated machines lack: the standard deviation, as a share, of each machine's friction and heating effort when new.
"""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from random import Random
from statistics import median

from benchmarks.alerts_fleet import Lived, cycles, washers
from producers.uploads import Shape
from schemas.desk import Alert
from schemas.facts import WashCycle
from streams.desk.alerts import ALERT_STORES, AlertBook
from streams.store import Store

DAY_MS = 86_400_000
GRACE_CYCLES = 12
"""A fault that is there from the first cycle on has to be found within so many."""


@dataclass(frozen=True)
class Fault:
    """What is the matter when.

    Attributes:
        of: Its measure in the truth.
        fault: From there on it has to be known.
        early: An alert from there on is right, since something is on its way; one before is false.
    """

    of: Callable[[Shape], float]
    fault: float
    early: float
    says: str


FAULTS: Mapping[str, Fault] = {
    "bearing": Fault(lambda shape: shape.bearing, 1.0, 0.3, "end of the bearing's life; early: 74 % of it"),
    "heater_scale": Fault(lambda shape: shape.scale_mm, 2.0, 1.2, "2 mm of scale; early: 1.2 mm"),
    "drain_pump": Fault(lambda shape: shape.blocked_share, 0.45, 0.35, "45 % blocked; early: 35 %"),
    "unbalance": Fault(lambda shape: shape.bearing, 3.0, 0.3, "a bearing that shakes (3 lives); early: as bearing"),
}


@dataclass
class _Machine:
    at_ms: list[int] = field(default_factory=list)
    shapes: list[Shape] = field(default_factory=list)
    alerts: dict[str, list[tuple[int, Alert]]] = field(default_factory=lambda: defaultdict(list))


@dataclass(frozen=True)
class Quality:
    """Of one kind of alert.

    Attributes:
        faults: Times that a machine got as far as that, or was from the start.
        found: Those of which an alert was up by then (`GRACE_CYCLES` later, of those from the start).
        right: Alerts raised when something was on its way at least.
        came_to_it: Alerts after which the machine got as far, before it was cleaned or the time was over.
        lead_days: Of each fault that developed and was found: from alert to fault.
    """

    kind: str
    faults: int
    found: int
    alerts: int
    right: int
    came_to_it: int
    machine_years: float
    lead_days: list[float]

    def row(self) -> dict[str, str]:
        """As a line of a table."""
        false = self.alerts - self.right
        return {
            "alert": self.kind,
            "faults": str(self.faults),
            "recall": _share(self.found, self.faults),
            "alerts": str(self.alerts),
            "precision": _share(self.right, self.alerts),
            "came to a fault": _share(self.came_to_it, self.alerts),
            "false a machine-year": f"{false / self.machine_years:.4f}",
            "median lead": f"{median(self.lead_days):.0f} d" if self.lead_days else "-",
        }


def quality(seed: int, machines: int, days: int, scatter: float = 0.0) -> list[Quality]:
    """Of each kind of alert, over so many days of a fleet of that seed."""
    stores = {name: Store(dtype) for name, dtype in ALERT_STORES.items()}
    book = AlertBook(stores)
    lived: dict[int, _Machine] = defaultdict(_Machine)
    for one in cycles(washers(seed, machines, days)):
        machine = lived[one.slot]
        for alert in book.after_cycle(one.slot, _scattered(one, scatter)):
            machine.alerts[alert.kind].append((len(machine.at_ms), alert))
        machine.at_ms.append(one.cycle.started_at_ms)
        machine.shapes.append(one.shape)
    return [_quality(kind, fault, list(lived.values())) for kind, fault in FAULTS.items()]


def _scattered(one: Lived, scatter: float) -> WashCycle:
    """The cycle of a machine that was made a little better or worse than its type."""
    cycle = one.cycle
    if not scatter or cycle.spin_w is None or cycle.heating_k_per_min is None:
        return cycle
    made = Random(f"{cycle.device_id}/made")
    friction, effort = 1 + made.gauss(0, scatter), 1 + made.gauss(0, scatter)
    fields = {"spin_w": cycle.spin_w * friction, "heating_k_per_min": cycle.heating_k_per_min / effort}
    return cycle.model_copy(update=fields)


def _quality(kind: str, fault: Fault, machines: list[_Machine]) -> Quality:
    faults = found = alerts = right = came_to_it = 0
    years, lead_days = 0.0, []
    for machine in machines:
        values = [fault.of(shape) for shape in machine.shapes]
        years += (machine.at_ms[-1] - machine.at_ms[0]) / DAY_MS / 365
        resets = [0, *(place for place in range(1, len(values)) if values[place] < values[place - 1]), len(values)]
        told = machine.alerts[kind]
        for first, end in pairwise(resets):
            reached = next((place for place in range(first, end) if values[place] >= fault.fault), None)
            raised = [place for place, alert in told if alert.status == "raised" and first <= place < end]
            alerts += len(raised)
            right += sum(values[place] >= fault.early for place in raised)
            came_to_it += len(raised) if reached is not None else 0
            if reached is None:
                continue
            faults += 1
            by = reached + GRACE_CYCLES if reached == first else reached
            up = [place for place in raised if place <= by]
            found += bool(up)
            if up and reached > first:
                lead_days.append((machine.at_ms[reached] - machine.at_ms[up[0]]) / DAY_MS)
    return Quality(kind, faults, found, alerts, right, came_to_it, years, lead_days)


def table(found: list[Quality]) -> str:
    """As Markdown."""
    rows = [one.row() for one in found]
    head = list(rows[0])
    lines = [head, ["---"] * len(head), *(list(row.values()) for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _share(part: int, whole: int) -> str:
    return f"{part / whole:.3f}" if whole else "-"


if __name__ == "__main__":
    seed, machines, days, scatter = (*sys.argv[1:], *("2", "300", "1460", "0")[len(sys.argv) - 1 :])
    found = quality(int(seed), int(machines), int(days), float(scatter))
    print(table(found), f"\n{found[0].machine_years:.0f} machine-years")  # noqa: T201
