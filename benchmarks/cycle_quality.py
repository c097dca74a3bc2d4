"""What the stream says of wash cycles, held against what really happened in simulated ones.

    python -m benchmarks.cycle_quality [SEED] [MACHINES] [DAYS] [SHARE LOST]

prints precision and recall of each anomaly. The machines send their uploads as in any simulation, some are lost, some
come twice, and the stream's own step makes sessions of the rest. Numbers in docs/wash-cycles.md are of seed 5; the
rules were made on seed 1.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice, takewhile
from random import Random
from typing import Any

import numpy as np
import pyarrow as pa

from benchmarks.alerts_fleet import Watched, washers
from producers.device import Episode, life
from producers.fleet import DAY_MS, Fleet, Member
from producers.fleet_calendar import awake_ms, born_ms
from producers.fleet_events import tenures
from producers.fleet_routines import routine, starts
from producers.uploads import Shape, Upload
from producers.washer import CYCLES_PER_DAY, HOUR_WEIGHTS, UNBALANCE_BELOW
from producers.washer_cycle import Cycle
from producers.washer_wear import DRAIN_SLOW_FROM, Wear
from schemas.evolution import lifted
from schemas.facts import CycleAnomaly
from schemas.forms import arrow_schema
from schemas.uploads import WASHER_VERSIONS
from streams.batch import Batch, Place
from streams.product import WASHER
from streams.state import State
from streams.step import step
from streams.wash_anomalies import ANOMALIES

BATCH = 2_000
SLOW_HEATING_FROM = 1.15
"""Heating takes so many times as long as with a clean heater: 1.6 mm of scale."""

Label = tuple[str, int]
"""Device and start of a cycle."""


@dataclass(frozen=True)
class Sent:
    """An upload as it arrives, and the cycle it tells of."""

    upload: Upload
    cycle: Cycle | None


@dataclass
class Told:
    """What became of a cycle: the newest fact, and how many of its uploads never came."""

    cycle: Cycle
    lost: int = 0
    fact: Mapping[str, Any] | None = None

    def truth(self) -> set[CycleAnomaly]:
        """What was the matter."""
        cycle, shape = self.cycle, self.cycle.session.shape
        assert shape is not None
        is_whole = cycle.edges[-1] == cycle.curve.power_w.size
        happened: dict[CycleAnomaly, bool] = {
            "power_cut": shape.power_cut_s is not None,
            "unbalanced": is_whole and cycle.curve.spun_at < UNBALANCE_BELOW,
            "slow_heating": is_whole and shape.power_cut_s is None and _slower_heating(shape) >= SLOW_HEATING_FROM,
            "slow_draining": cycle.edges[-1] >= cycle.curve.drained and shape.blocked_share >= DRAIN_SLOW_FROM,
            "unfinished": not is_whole,
            "readings_missing": self.lost > 0,
        }
        return {name for name, is_so in happened.items() if is_so}


def told(seed: int, machines: int, days: int, lost: float) -> dict[Label, Told]:
    """Each cycle of a fleet, and what the stream says of it in the end."""
    found: dict[Label, Told] = {}
    state, rng = State(WASHER), Random(seed)
    for sent in batches(sent_by(washers(seed, machines, days))):
        arrived: list[Upload] = []
        for one in sent:
            cycle = one.cycle
            if cycle is not None:
                known = found.setdefault((cycle.session.device_id, cycle.session.started_at_ms), Told(cycle))
            if rng.random() < lost:
                if cycle is not None:
                    known.lost += 1
            else:
                arrived += [one.upload] * (2 if rng.random() < lost else 1)
        for fact in step(WASHER, state, batch_of(arrived)).sessions:
            label = (str(fact["device_id"]), int(str(fact["started_at_ms"])))
            found[label].fact = fact
        state.tidy()
    return found


def quality(cycles: Sequence[Told]) -> dict[CycleAnomaly, tuple[int, int, int]]:
    """Of each anomaly: cycles that had it, that it was told of, and both."""
    counts = {}
    for name in ANOMALIES:
        true = {number for number, cycle in enumerate(cycles) if name in cycle.truth()}
        said = {number for number, cycle in enumerate(cycles) if name in _said(cycle)}
        counts[name] = (len(true), len(said), len(true & said))
    return counts


def _said(cycle: Told) -> set[str]:
    assert cycle.fact is not None
    return set(cycle.fact["anomalies"])


def _slower_heating(shape: Shape) -> float:
    condition = Wear(1.0, scale_mm=shape.scale_mm).condition
    return (1 + condition.extra_heat) / (1 - condition.lost_heater)


def sent_by(of: Fleet) -> Iterator[Sent]:
    """What all machines send, machine by machine."""
    for member in of.members:
        if member.habit != "silent" and member.device.activated_on is not None:
            yield from _life(of, member)


def _life(of: Fleet, member: Member) -> Iterator[Sent]:
    """As `producers.simulation.member_uploads` has it."""
    device, events = member.device, of.events_of(member)
    name = device.device_id
    per_day = routine(name, 0, CYCLES_PER_DAY, HOUR_WEIGHTS).per_day
    earlier = round((born_ms(device) - awake_ms(device)) / DAY_MS * per_day)
    rng = Random(f"{name}/life")
    machine = Watched(device, earlier, Random(f"{name}/nature"), rng)
    begins = starts(name, tenures(device, events, is_used=member.habit == "used"), CYCLES_PER_DAY, HOUR_WEIGHTS)
    episodes = life(machine, begins, born_ms(device), rng, events)
    for episode in takewhile(lambda episode: episode.told_at_ms < of.end_ms, episodes):
        yield from _episode(episode, getattr(machine, "last", None))


def _episode(episode: Episode, cycle: Cycle | None) -> Iterator[Sent]:
    for upload in episode.uploads():
        yield Sent(upload, cycle if upload.part is not None else None)


def batches(sent: Iterator[Sent]) -> Iterator[list[Sent]]:
    for first in sent:
        yield [first, *islice(sent, BATCH - 1)]


def batch_of(uploads: Sequence[Upload]) -> Batch:
    """Uploads as the decoder hands them on."""
    rows = [json.loads(upload.value) for upload in uploads]
    tables, order = [], []
    for model in WASHER_VERSIONS:
        own = [place for place, row in enumerate(rows) if row.get("schema_version", 1) == model.version]
        made = pa.Table.from_pylist([rows[place] for place in own], schema=arrow_schema(model))
        tables.append(lifted(made, model, WASHER_VERSIONS))
        order += own
    columns = pa.concat_tables(tables).take(pa.array(np.argsort(order)))
    received = np.array([upload.sent_at_ms + 1_000 for upload in uploads], dtype=np.int64)
    names = pa.array([upload.device_id for upload in uploads], pa.string())
    place = Place(WASHER.telemetry, 0)
    return Batch(place, columns, names, np.arange(len(uploads)), received, [upload.value for upload in uploads])


def main() -> None:
    seed, machines, days, *lost = [*sys.argv[1:], *("5", "150", "60", "0.01")[len(sys.argv) - 1 :]]
    cycles = [cycle for cycle in told(int(seed), int(machines), int(days), float(lost[0])).values() if cycle.fact]
    sys.stdout.write(
        f"{len(cycles)} cycles of {machines} machines\n\n| anomaly | happened | told | recall | precision |\n"
    )
    sys.stdout.write("|---|---|---|---|---|\n")
    for name, (true, said, both) in quality(cycles).items():
        recall, precision = (f"{both / of:.3f}" if of else "-" for of in (true, said))
        sys.stdout.write(f"| {name} | {true} | {said} | {recall} | {precision} |\n")


if __name__ == "__main__":
    main()
