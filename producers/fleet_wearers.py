"""Who runs in which shoes, as far as it can be told before any run: what they agreed to, how they train. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from random import Random

from producers.fleet import Fleet
from producers.fleet_pairs import pair_id
from producers.runner import Runner, a_runner


@dataclass(frozen=True, slots=True)
class Wearer:
    """An owner of a shoe, and what is true of them in it.

    Attributes:
        location_consent: What its uploads say while they own it.
    """

    device_id: str
    customer_id: str
    location_consent: bool
    highest_bpm: float
    runs_per_week: int
    weekly_km: float


def wearers(fleet: Fleet) -> Iterator[Wearer]:
    """The owners of each activated shoe up to the end of the simulated days, one after the other.

    They are drawn from what `producers.shoe` draws them from.
    """
    for member in fleet.members:
        device = member.device
        if device.product != "shoe" or device.customer_id is None:
            continue
        key = pair_id(device)
        yield _wearer(device.device_id, device.customer_id, a_runner(Random(f"{key}/nature"), device.country))
        for event in fleet.events_of(member):
            if event.kind == "resold" and event.customer_id is not None:
                nature = Random(f"{key}/{event.customer_id}/nature")
                yield _wearer(device.device_id, event.customer_id, a_runner(nature, event.country))


def _wearer(device_id: str, customer_id: str, runner: Runner) -> Wearer:
    return Wearer(
        device_id=device_id,
        customer_id=customer_id,
        location_consent=runner.location_consent,
        highest_bpm=runner.body.highest_bpm,
        runs_per_week=runner.level.runs_a_week,
        weekly_km=runner.level.runs_a_week * runner.typical_run_m / 1000,
    )
