"""The whole fleet as one stream of deliveries, roughly in the order of event time, as it would reach Kafka."""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from operator import attrgetter
from random import Random

from producers import shoe, washer
from producers.days import session_starts
from producers.device import Machine, first_seq, uploads_of
from producers.faults import FaultRates, with_faults
from producers.fleet import Fleet, Member
from producers.uploads import Delivery, Upload


def deliveries(fleet: Fleet, rates: FaultRates) -> Iterator[Delivery]:
    """What every device of the fleet sends in the simulated days, faults included, ascending in `due_ms`.

    The same fleet and rates give the same bytes. Memory holds at most one session per device.
    """
    streams = (
        with_faults(member_uploads(fleet, member), rates, Random(f"{member.device.device_id}/{fleet.start_ms}/faults"))
        for member in fleet.members
    )
    return heapq.merge(*streams, key=attrgetter("due_ms"))


def member_uploads(fleet: Fleet, member: Member) -> Iterator[Upload]:
    """Uploads of one device, none when it is silent or activated too late."""
    device = member.device
    if member.habit == "silent" or device.activated_on is None:
        return iter(())
    # Activated on a local day: by the end of the next day in UTC, that day has passed everywhere.
    awake = datetime(*device.activated_on.timetuple()[:3], tzinfo=UTC) + timedelta(days=2)
    start_ms = max(fleet.start_ms, int(awake.timestamp()) * 1000)
    if start_ms >= fleet.end_ms:
        return iter(())
    rng = Random(f"{device.device_id}/{fleet.start_ms}/life")
    nature = Random(f"{device.device_id}/nature")
    kind = washer.Washer if device.product == "washer" else shoe.Shoe
    spread = washer.CYCLES_PER_DAY if device.product == "washer" else shoe.RUNS_PER_DAY
    hour_weights = washer.HOUR_WEIGHTS if device.product == "washer" else shoe.HOUR_WEIGHTS
    per_day = nature.uniform(*spread)
    days_in_use = (start_ms / 1000 - awake.timestamp()) / 86_400
    machine: Machine = kind(device, first_seq(start_ms), round(days_in_use * per_day), nature, rng)
    starts = session_starts(
        start_ms, fleet.end_ms, device.time_zone, per_day=per_day, hour_weights=hour_weights, rng=rng
    )
    return uploads_of(machine, starts if member.habit == "used" else (), start_ms, fleet.end_ms, rng)
