"""Years of a simulated fleet's wash cycles, as the stream would tell them, without Kafka and without JSON.

The machines are the simulator's own (`producers.washer`); what is left out are uploads and their faults. The figures of
a cycle are measured on its curve by the definitions of `streams.wash_phases`; a test holds both against each other.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import takewhile
from random import Random

import numpy as np

from producers.device import life
from producers.fleet import DAY_MS, FIRST_DAY_MS, Fleet, Member, fleet
from producers.fleet_calendar import awake_ms, born_ms
from producers.fleet_events import tenures
from producers.fleet_routines import routine, starts
from producers.uploads import Shape
from producers.washer import CYCLES_PER_DAY, HOUR_WEIGHTS, Washer
from producers.washer_cycle import Cycle
from schemas.catalogue import WASHER_BY_MATERIAL
from schemas.facts import CycleAnomaly, WashCycle

_STEP_S = 15.0
_HEATS_FROM, _HEATS_FULLY_FROM = 0.5, 0.8
_STANDING_RPM, _PUMP_W, _PUMP_AT_MOST_W = 5.0, 14.0, 100.0
_TOP_SPEED = 0.95


@dataclass(frozen=True)
class Lived:
    """One cycle: what the stream tells, and what was really the matter."""

    slot: int
    cycle: WashCycle
    shape: Shape


class Watched(Washer):
    """A machine whose cycles can be looked at."""

    last: Cycle

    def _cycle(self, start_ms: int) -> Cycle:
        self.last = super()._cycle(start_ms)
        return self.last


def washers(seed: int, count: int, days: int) -> Fleet:
    """That many machines over that many days from the first one on."""
    return fleet(seed, count, 0, FIRST_DAY_MS, days)


def cycles(of: Fleet) -> Iterator[Lived]:
    """All cycles of a fleet, by their start; `slot` is the number of the machine in it."""
    lives = (_life(of, slot, member) for slot, member in enumerate(of.members))
    return heapq.merge(*lives, key=lambda lived: lived.cycle.started_at_ms)


def _life(of: Fleet, slot: int, member: Member) -> Iterator[Lived]:
    """As `producers.simulation.member_uploads` has it, up to the uploads."""
    device = member.device
    if member.habit == "silent" or device.activated_on is None:
        return
    events = of.events_of(member)
    per_day = routine(device.device_id, 0, CYCLES_PER_DAY, HOUR_WEIGHTS).per_day
    earlier = round((born_ms(device) - awake_ms(device)) / DAY_MS * per_day)
    rng = Random(f"{device.device_id}/life")
    machine = Watched(device, earlier, Random(f"{device.device_id}/nature"), rng)
    begins = starts(
        device.device_id, tenures(device, events, is_used=member.habit == "used"), CYCLES_PER_DAY, HOUR_WEIGHTS
    )
    told = None
    for _ in takewhile(
        lambda episode: episode.told_at_ms < of.end_ms, life(machine, begins, born_ms(device), rng, events)
    ):
        cycle = getattr(machine, "last", None)
        if cycle is not None and cycle is not told:
            told = cycle
            assert cycle.session.shape is not None
            yield Lived(slot, wash_cycle_of(cycle), cycle.session.shape)


def wash_cycle_of(cycle: Cycle) -> WashCycle:
    """What the stream would tell of it, of which all uploads arrived."""
    curve, session, board = cycle.curve, cycle.session, cycle.board
    count = cycle.edges[-1]
    power_w, rpm, celsius = curve.power_w[:count], curve.drum_rpm[:count], curve.temperature_c[:count]
    nominal_w = WASHER_BY_MATERIAL[session.material].heater_w
    heats, hot = power_w >= _HEATS_FROM * nominal_w, power_w >= _HEATS_FULLY_FROM * nominal_w
    rests = (rpm < _STANDING_RPM) & (power_w < _PUMP_AT_MOST_W)
    drains = rests & (power_w >= _PUMP_W)
    waits = rests & ~drains
    top_rpm = float(rpm.max())
    spins = rpm >= top_rpm * _TOP_SPEED
    heater_w = float(power_w[hot].mean()) if hot.any() else None
    heating_wh = float(power_w[heats].sum()) * _STEP_S / 3600
    rise_k = float(celsius.max() - celsius[heats | waits].min())
    anomalies: list[CycleAnomaly] = ["power_cut"] if session.shape and session.shape.power_cut_s is not None else []
    return WashCycle.model_construct(
        session_id=f"{session.device_id}-{session.started_at_ms}",
        version=len(cycle.sent_at_ms) + 1,
        status="closed",
        device_id=session.device_id,
        material=session.material,
        firmware=board.firmware,
        session_no=session.session_no,
        started_at_ms=session.started_at_ms,
        ended_at_ms=session.ended_at_ms,
        reading_count=count,
        known_at_ms=session.ended_at_ms,
        source="reported",
        programme=session.programme,
        energy_wh=session.amount,
        peak_w=float(power_w.max()),
        water_l=float(curve.water_l[count - 1]),
        drain_s=float(np.count_nonzero(drains)) * _STEP_S,
        heat_energy_wh=heating_wh,
        heater_w=heater_w,
        heating_k_per_min=rise_k / (heating_wh / heater_w * 60) if heater_w else None,
        max_drum_rpm=top_rpm,
        spin_w=float(power_w[spins].mean()) if top_rpm else None,
        anomalies=anomalies,
    )
