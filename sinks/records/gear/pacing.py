"""Gives out what may go of a change set in pieces, at the pace that its record system bears."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

from sinks.records.gear import batches, chunks, limiter
from sinks.records.gear.batches import Numbered, Row
from sinks.records.gear.flow import Flow
from sinks.records.gear.settling import Link


def paced(link: Link, flow: Flow, going: Sequence[Numbered], *, is_patient: bool) -> Iterator[list[Row]]:
    """Pieces of what may go, each given when the rate lets it; ends early where nobody waits for the rate."""
    system = link.places.systems[flow.system]
    rows = batches.rows_of(going)
    first = 0
    gone: set[datetime] = set()
    while first < len(rows):
        now = link.clock.now()
        recently = chunks.recently_sent(link.connection, flow.system, now)
        sent = [(at, count) for at, count in recently if at not in gone]
        wanted = min(system.chunk_rows, len(rows) - first)
        allowed = limiter.allowance(system.rows_per_s, sent, now)
        if allowed < 1:
            wait_s = limiter.wait_s(system.rows_per_s, sent, now)
            is_put_back = wait_s > 1  # the clock, since something was sent: that may be a second ago, and no less
            if not is_patient and not is_put_back:
                return
            link.clock.sleep(min(max(wait_s, 0.001), 1.0))
            if is_put_back:  # nobody else sends meanwhile
                gone.update(at for at, _ in sent if at > now)
            continue
        size = min(wanted, allowed)
        yield rows[first : first + size]
        first += size
