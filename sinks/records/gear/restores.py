"""A record system was put back to an older state: what we wrote before that counts as never made."""

from __future__ import annotations

import json
from datetime import datetime, timedelta

from schemas.errors import UsageError
from sinks.records.database import session
from sinks.records.gear.audit import append, head, lock
from sinks.records.gear.chain import AuditRow
from sinks.records.gear.people import CALENDAR_KEEPER, holder
from sinks.records.gear.places import Places

_TICK = timedelta(microseconds=1)


def declare(places: Places, system: str, reason: str, who: str, now: datetime) -> int:
    """Says that a system was put back; ends its open change sets, which were planned upon what is no more.

    Returns:
        The number of sets that were ended.

    Raises:
        UsageError: There is no such system, `who` may not say so, or no reason is given.
    """
    reason = " ".join(reason.split())
    if not reason:
        raise UsageError("Say why: that a record system was put back needs a reason.")
    if system not in places.systems:
        raise UsageError(f"There is no record system {system!r}; systems are {', '.join(places.systems)}.")
    with session(places.ledger) as connection, connection.transaction():
        who = holder(connection, who, CALENDAR_KEEPER, f"say that {system} was put back")
        ended = connection.execute(
            """UPDATE gearbox.change_set SET status = 'superseded', closed_at = %s,
                 reason = 'its record system was put back to an older state'
               WHERE system = %s AND status = 'open'""",
            [now, system],
        ).rowcount
        detail = json.dumps({"system": system, "reason": reason, "ended_sets": ended}, ensure_ascii=False)
        # Whatever other clocks say: all that was written lies before it, all that will be lies behind it.
        lock(connection)
        at = max(now, head(connection).at + _TICK)
        connection.execute(
            "INSERT INTO gearbox.restore (system, declared_by, declared_at, reason) VALUES (%s, %s, %s, %s)",
            [system, who, at - _TICK, reason],
        )
        append(connection, [AuditRow("restored", who, detail=detail)], at)
    return ended
