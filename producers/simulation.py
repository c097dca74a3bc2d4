"""The whole fleet as one stream of deliveries, roughly in the order of event time, as it would reach Kafka."""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import chain, dropwhile, takewhile
from operator import attrgetter
from random import Random

from producers import shoe, washer
from producers.days import session_starts
from producers.device import Machine, life
from producers.faults import FaultRates, with_faults
from producers.fleet import FIRST_DAY_MS, Fleet, Member
from producers.uploads import Delivery, Upload


def deliveries(fleet: Fleet, rates: FaultRates) -> Iterator[Delivery]:
    """What every device of the fleet sends in the simulated days, faults included, ascending in `due_ms`.

    The same fleet and rates give the same bytes. Days that two fleets of one seed share are the same in both, faults
    included, except for each device's last upload, which is intact. Memory holds at most one session per device.
    """
    streams = (with_faults(member_uploads(fleet, member), rates) for member in fleet.members)
    return heapq.merge(*streams, key=attrgetter("due_ms"))


def member_uploads(fleet: Fleet, member: Member) -> Iterator[Upload]:
    """Uploads of one device, none when it is silent or activated too late.

    It lives from `FIRST_DAY_MS` on, whatever days are asked for: only what it tells in [start, end) is sent. A session
    under way at midnight is told by the days in which it ends.
    """
    device = member.device
    if member.habit == "silent" or device.activated_on is None:
        return iter(())
    # Activated on a local day: by the end of the next day in UTC, that day has passed everywhere.
    awake = datetime(*device.activated_on.timetuple()[:3], tzinfo=UTC) + timedelta(days=2)
    born_ms = max(FIRST_DAY_MS, int(awake.timestamp()) * 1000)
    rng = Random(f"{device.device_id}/life")
    nature = Random(f"{device.device_id}/nature")
    kind = washer.Washer if device.product == "washer" else shoe.Shoe
    spread = washer.CYCLES_PER_DAY if device.product == "washer" else shoe.RUNS_PER_DAY
    hour_weights = washer.HOUR_WEIGHTS if device.product == "washer" else shoe.HOUR_WEIGHTS
    per_day = nature.uniform(*spread)
    days_in_use = (born_ms / 1000 - awake.timestamp()) / 86_400
    machine: Machine = kind(device, round(days_in_use * per_day), nature, rng)
    starts = session_starts(born_ms, device.time_zone, per_day=per_day, hour_weights=hour_weights, rng=rng)
    episodes = life(machine, starts if member.habit == "used" else (), born_ms, rng)
    later = dropwhile(lambda episode: episode.told_at_ms < fleet.start_ms, episodes)
    told = takewhile(lambda episode: episode.told_at_ms < fleet.end_ms, later)
    return chain.from_iterable(episode.uploads() for episode in told)
