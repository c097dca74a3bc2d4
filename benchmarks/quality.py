"""How right facts, alerts and completeness are: precision and recall on the simulator's truth, in one table.

Rules and thresholds were made on other seeds than those measured here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass

from benchmarks import alerts_quality, completeness_quality, cycle_detection, cycle_quality

LOST = 0.01
"""Share of uploads that are lost, and that come twice."""


@dataclass(frozen=True)
class Size:
    """How much is simulated; the same size gives the same figures everywhere."""

    cycle_seed: int = 5
    machines: int = 40
    days: int = 200
    alert_seed: int = 2
    alert_machines: int = 150
    alert_days: int = 1_460
    fleet_seed: int = 2
    fleet: int = 40
    fleet_days: int = 60


@dataclass(frozen=True)
class Line:
    """What was to be found, and what was.

    Attributes:
        happened: Times that it was so; None where that is not counted.
        told: Times that it was said.
        right: Of those, rightly.
        found: Of those that happened, said.
    """

    about: str
    what: str
    happened: int
    told: int
    right: int
    found: int

    @property
    def precision(self) -> float | None:
        return self.right / self.told if self.told else None

    @property
    def recall(self) -> float | None:
        return self.found / self.happened if self.happened else None

    def asdict(self) -> dict[str, object]:
        """By name, with precision and recall."""
        return asdict(self) | {"precision": self.precision, "recall": self.recall}


def measure(size: Size, tell: Callable[[str], None] = lambda _line: None) -> list[Line]:
    """All lines."""
    tell("cycles behind plug meters")
    seen = cycle_detection.detection(size.cycle_seed, size.machines, size.days, LOST)
    lines = [
        Line("behind a plug", "wash cycle", seen.ran, seen.found, seen.right, seen.right),
        Line("behind a plug", "its programme", seen.right, seen.recognised, seen.named_right, seen.named_right),
    ]
    tell("anomalies of cycles")
    told = cycle_quality.told(size.cycle_seed, size.machines, size.days, LOST).values()
    counts = cycle_quality.quality([cycle for cycle in told if cycle.fact is not None])
    lines += [
        Line("anomaly of a cycle", name, happened, said, both, both)
        for name, (happened, said, both) in counts.items()
        if happened or said
    ]
    tell("alerts over years")
    for own in alerts_quality.quality(size.alert_seed, size.alert_machines, size.alert_days):
        lines.append(Line("alert on a machine", own.kind, own.faults, own.alerts, own.right, own.found))
    for name, faults, reset_every in completeness_quality.FLEETS:
        tell(f"completeness: {name}")
        of = completeness_quality.quality(size.fleet_seed, size.fleet, size.fleet, size.fleet_days, faults, reset_every)
        lines.append(
            Line(f"month of a device, {name}", "gap", of.found + of.missed, of.found + of.false, of.found, of.found)
        )
        if of.resets:
            resets = (of.resets, of.resets_found + of.resets_false, of.resets_found, of.resets_found)
            lines.append(Line(f"month of a device, {name}", "reset", *resets))
    return lines


HEADINGS = ("of", "what", "happened", "told", "precision", "recall")


def table(lines: list[Line]) -> list[tuple[str, ...]]:
    """A row a line, in the order of `HEADINGS`."""
    return [
        (line.about, line.what, f"{line.happened:,}", f"{line.told:,}", _shown(line.precision), _shown(line.recall))
        for line in lines
    ]


def markdown(lines: list[Line], size: Size) -> str:
    """The section of `RESULTS.md`."""
    rows = [HEADINGS, ("---",) * len(HEADINGS), *table(lines)]
    return "\n".join(
        [
            "`vaxel bench quality --write`. What the stream and the desk say of simulated devices against what the "
            "simulator did, in one process, without Kafka. Rules and thresholds were made on other seeds.",
            "",
            f"- Cycles: {size.machines} machines for {size.days} days (seed {size.cycle_seed}), 1 % of uploads lost, "
            "1 % twice. Behind a plug: the same machines' power alone; a cycle is right if it shares more than half "
            "of the longer of both with one that ran.",
            f"- Alerts: {size.alert_machines} machines for {size.alert_days} days (seed {size.alert_seed}), nothing "
            "lost. Right is an alert with something on its way (docs/alerts.md says what); new machines of a model "
            "are all alike here, which flatters the figures: docs/alerts.md has those with scatter.",
            f"- Months: {size.fleet} washing machines and {size.fleet} shoes for {size.fleet_days} days "
            f"(seed {size.fleet_seed}).",
            "",
            *(f"| {' | '.join(row)} |" for row in rows),
        ]
    )


def _shown(share: float | None) -> str:
    return "-" if share is None else f"{share:.3f}"
