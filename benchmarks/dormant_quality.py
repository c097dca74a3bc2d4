"""Whether devices that are used no more are told of, and those that rest are let be.

    python -m benchmarks.dormant_quality [SEED] [WASHERS] [SHOES] [DAYS]

A third of the devices are put away for good at some time in the simulated days; nobody else stops, but runners are
injured for weeks.
"""

from __future__ import annotations

import heapq
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import takewhile
from random import Random
from statistics import median

from benchmarks.alerts_fleet import cycles
from producers.device import Episode, life
from producers.fleet import DAY_MS, FIRST_DAY_MS, Fleet, Member, fleet
from producers.fleet_calendar import awake_ms, born_ms
from producers.fleet_events import tenures
from producers.fleet_pairs import pair_id
from producers.fleet_routines import routine, starts
from producers.run_curve import RunCurve
from producers.shoe import HOUR_WEIGHTS, RUNS_PER_DAY, Shoe
from producers.shoe_upload import Feet
from schemas.facts import Run, WashCycle
from schemas.fleet import Product
from streams.desk.alerts import ALERT_STORES, AlertBook
from streams.store import Store

_PUT_AWAY = 1 / 3
_EARLIEST_DAY, _LATEST_DAY = 90, 60
"""Not before so many days have gone by, and not in the last so many."""


@dataclass(frozen=True)
class Quality:
    """Of one product.

    Attributes:
        put_away: Devices put away that had been used at all.
        found_days: Of each that was found: days from its last session to the alert.
        false: Alerts of devices that were used again.
    """

    product: Product
    put_away: int
    found_days: list[float]
    false: int
    device_years: float

    def row(self) -> dict[str, str]:
        """As a line of a table."""
        return {
            "product": self.product,
            "put away": str(self.put_away),
            "recall": f"{len(self.found_days) / self.put_away:.3f}",
            "days of silence, median": f"{median(self.found_days):.0f}",
            "at most": f"{max(self.found_days):.0f}",
            "false a device-year": f"{self.false / self.device_years:.4f}",
        }


class _Watched(Shoe):
    """A shoe whose runs can be looked at."""

    last: tuple[int, int] | None = None

    def _run(self, start_ms: int, curve: RunCurve, feet: Feet) -> Episode:
        self.last = (start_ms, start_ms + int(curve.at_ms[-1]))
        return super()._run(start_ms, curve, feet)


def quality(seed: int, washers: int, shoes: int, days: int) -> list[Quality]:
    """Of both products."""
    of_washers, of_shoes = (fleet(seed, *counts, FIRST_DAY_MS, days) for counts in ((washers, 0), (0, shoes)))
    cycled = ((one.slot, one.cycle) for one in cycles(of_washers))
    return [_quality("washer", cycled, of_washers, seed), _quality("shoe", runs(of_shoes), of_shoes, seed)]


def runs(of: Fleet) -> Iterator[tuple[int, Run]]:
    """All runs of a fleet of shoes, by their start."""
    return heapq.merge(*(_life(of, slot, member) for slot, member in enumerate(of.members)), key=_started)


def _started(one: tuple[int, Run]) -> int:
    return one[1].started_at_ms


def _life(of: Fleet, slot: int, member: Member) -> Iterator[tuple[int, Run]]:
    device, key = member.device, pair_id(member.device)
    if member.habit == "silent" or device.activated_on is None:
        return
    events = of.events_of(member)
    earlier = round((born_ms(device) - awake_ms(device)) / DAY_MS * routine(key, 0, RUNS_PER_DAY, HOUR_WEIGHTS).per_day)
    rng = Random(f"{device.device_id}/life")
    shoe, told = _Watched(device, earlier, Random(f"{key}/nature"), rng), None
    begins = starts(key, tenures(device, events, is_used=member.habit == "used"), RUNS_PER_DAY, HOUR_WEIGHTS)
    for _ in takewhile(lambda one: one.told_at_ms < of.end_ms, life(shoe, begins, born_ms(device), rng, events)):
        if shoe.last is not None and shoe.last != told:
            told = shoe.last
            yield slot, Run.model_construct(
                session_id=f"{device.device_id}-{told[0]}", version=1, status="closed", device_id=device.device_id,
                material=device.material, firmware=device.firmware, started_at_ms=told[0], ended_at_ms=told[1],
            )  # fmt: skip


def _quality(product: Product, sessions: Iterator[tuple[int, Run | WashCycle]], of: Fleet, seed: int) -> Quality:
    book = AlertBook({name: Store(dtype) for name, dtype in ALERT_STORES.items()})
    put_away_ms = {}
    for slot in range(len(of.members)):
        rng = Random(f"{seed}/{product}/{slot}/put away")
        if rng.random() < _PUT_AWAY:
            day = rng.uniform(_EARLIEST_DAY, of.days - _LATEST_DAY)
            put_away_ms[slot] = FIRST_DAY_MS + day * DAY_MS
    first_ms, last_ms, raised = dict[int, int](), dict[int, int](), dict[int, list[int]]()
    looked_ms = FIRST_DAY_MS
    for slot, session in sessions:
        while session.started_at_ms > looked_ms + DAY_MS:
            looked_ms += DAY_MS
            for alert in book.dormant(looked_ms, str):
                raised.setdefault(int(str(alert.device_id)), []).append(looked_ms)
        if session.started_at_ms >= put_away_ms.get(slot, float("inf")):
            continue
        if isinstance(session, Run):
            book.after_run(slot, session)
        else:
            book.after_cycle(slot, session)
        first_ms.setdefault(slot, session.started_at_ms)
        last_ms[slot] = session.ended_at_ms
    found = {
        slot: (own[-1] - last_ms[slot]) / DAY_MS
        for slot, own in raised.items()
        if slot in put_away_ms and own[-1] > last_ms[slot]
    }
    false = sum(len(own) for own in raised.values()) - len(found)
    years = sum(last_ms[slot] - first_ms[slot] for slot in first_ms) / DAY_MS / 365
    return Quality(product, len(put_away_ms.keys() & first_ms.keys()), list(found.values()), false, years)


if __name__ == "__main__":
    arguments = (*sys.argv[1:], *("3", "150", "100", "400")[len(sys.argv) - 1 :])
    rows = [one.row() for one in quality(*(int(text) for text in arguments))]
    for line in (list(rows[0]), ["---"] * len(rows[0]), *(list(row.values()) for row in rows)):
        print(f"| {' | '.join(line)} |")  # noqa: T201
