"""The whole fleet as one stream of deliveries, roughly in the order of event time, as it would reach Kafka."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator, Mapping
from itertools import chain, dropwhile, takewhile
from operator import attrgetter
from random import Random

from producers import shoe, washer
from producers.connection import connected, leaves_at_ms, offline_spells
from producers.device import Machine, life
from producers.fault_rates import FaultRates
from producers.faults import with_faults
from producers.fleet import Fleet, Member
from producers.fleet_calendar import DAY_MS, awake_ms, born_ms
from producers.fleet_events import tenures
from producers.fleet_pairs import pair_id
from producers.fleet_routines import routine, starts
from producers.uploads import Delivery, Upload
from schemas.fleet import FleetDevice, Product

_USE: Mapping[
    Product, tuple[Callable[[FleetDevice, int, Random, Random], Machine], tuple[float, float], tuple[int, ...]]
] = {
    "washer": (washer.Washer, washer.CYCLES_PER_DAY, washer.HOUR_WEIGHTS),
    "shoe": (shoe.Shoe, shoe.RUNS_PER_DAY, shoe.HOUR_WEIGHTS),
}
"""Machine, lowest and highest mean number of sessions a day, hours."""

_LOOK_AHEAD_MS = DAY_MS
"""A resale just after the last day decides whose session comes next, and so whether a heartbeat comes before it."""


def deliveries(fleet: Fleet, rates: FaultRates) -> Iterator[Delivery]:
    """What every device of the fleet sends in the simulated days, faults included, ascending in `due_ms`.

    The same fleet and rates give the same bytes. Days that two fleets of one seed share are the same in both, faults
    included, except at the end of the shorter one: there each device's last upload is intact, and what would leave
    after it (late and reordered uploads, echoes) leaves with it, or, if it is replayed, not at all. Later days know
    nothing of it. Memory holds at most one session per device.
    """
    streams = (with_faults(member_uploads(fleet, member), rates) for member in fleet.members)
    return heapq.merge(*streams, key=attrgetter("due_ms"))


def member_uploads(fleet: Fleet, member: Member) -> Iterator[Upload]:
    """Uploads of one device, none when it is silent or activated too late.

    It lives from `FIRST_DAY_MS` on, whatever days are asked for: only what it tells in [start, end) is sent. A session
    under way at midnight is told by the days in which it ends; one that a phone without a connection keeps to itself,
    by the days in which the last of it leaves.
    """
    device = member.device
    if member.habit == "silent" or device.activated_on is None:
        return iter(())
    kind, per_day, hour_weights = _USE[device.product]
    key, is_used = pair_id(device), member.habit == "used"
    events = fleet.events_of(member, _LOOK_AHEAD_MS)
    days_in_use = (born_ms(device) - awake_ms(device)) / DAY_MS
    earlier = round(days_in_use * routine(key, 0, per_day, hour_weights).per_day)
    rng = Random(f"{device.device_id}/life")
    machine: Machine = kind(device, earlier, Random(f"{key}/nature"), rng)
    sessions = starts(key, tenures(device, events, is_used=is_used), per_day, hour_weights)
    spells = offline_spells(key, fleet.end_ms) if device.product == "shoe" else []
    episodes = life(machine, sessions, born_ms(device), rng, events)
    later = dropwhile(lambda episode: leaves_at_ms(episode.told_at_ms, spells) < fleet.start_ms, episodes)
    told = takewhile(lambda episode: leaves_at_ms(episode.told_at_ms, spells) < fleet.end_ms, later)
    return connected(chain.from_iterable(episode.uploads() for episode in told), spells)
