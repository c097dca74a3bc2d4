"""A record system was put back to an older state: what we wrote before that counts as never made."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime, timedelta

from schemas.errors import UsageError
from sinks.records.database import Connection, session
from sinks.records.gear import chunks, put_backs
from sinks.records.gear.audit import append, head, lock
from sinks.records.gear.chain import AuditRow
from sinks.records.gear.people import CALENDAR_KEEPER, holder
from sinks.records.gear.places import Clock, Places
from sinks.records.gear.settling import Link, settle_unsettled
from sinks.records.targets.opening import open_target

_TICK = timedelta(microseconds=1)


@dataclass(frozen=True)
class Declared:
    """What came of it.

    Attributes:
        ended_sets: Open change sets that were ended.
        asked: Batches that the system had acknowledged, the newest of them, and was asked for;
        forgotten: and those that it did not know.
    """

    ended_sets: int
    asked: int
    forgotten: int


def declare(places: Places, system: str, reason: str, who: str, clock: Clock, *, is_forced: bool = False) -> Declared:
    """Says that a system was put back; ends its open change sets, which were planned upon what is no more.

    Nobody writes into the system meanwhile, and what was on its way is settled first: so each write lies before or
    behind it.

    Args:
        is_forced: It was put back though it has forgotten nothing: to a state behind our last write, say.

    Raises:
        UsageError: There is no such system, `who` may not say so, no reason is given; or the system still knows what it
            acknowledged, and nobody insists.
        UnreachableError: The system does not answer.
        OutsideError: Another gearbox writes into it.
    """
    reason = " ".join(reason.split())
    if not reason:
        raise UsageError("Say why: that a record system was put back needs a reason.")
    if system not in places.systems:
        raise UsageError(f"There is no record system {system!r}; systems are {', '.join(places.systems)}.")
    with session(places.ledger) as connection:
        who = holder(connection, who, CALENDAR_KEEPER, f"say that {system} was put back")
        chunks.hold_system(connection, system)
        asked, forgotten = _asked(connection, places, system, who, clock)
        if not forgotten and not is_forced:
            raise UsageError(_nothing_forgotten(connection, system, asked))
        return write_down(connection, system, reason, who, clock.now(), asked=asked, forgotten=forgotten)


def _asked(connection: Connection, places: Places, system: str, who: str, clock: Clock) -> tuple[int, int]:
    """How many batches the system was asked for, and how many of them it has forgotten."""
    target = open_target(places.systems[system], places.addresses[system])
    try:
        settle_unsettled(Link(connection, target, places, clock, who), system)
        acknowledged = list(chunks.witnesses(connection, system))
        return len(acknowledged), len(target.unknown(acknowledged))
    finally:
        target.close()


def _nothing_forgotten(connection: Connection, system: str, asked: int) -> str:
    found = f"{system} still knows all that it acknowledged"
    if not asked:
        before = put_backs.newest(connection, system)
        since = "" if before is None else f" since it was last declared put back, by {before.who}"
        found = f"{system} has acknowledged nothing that it could have forgotten{since}"
    return f"{found}; if it was put back all the same, say --force."


def write_down(
    connection: Connection, system: str, reason: str, who: str, now: datetime, *, asked: int, forgotten: int
) -> Declared:
    """Writes down, in one transaction, that a system was put back, and ends its open change sets."""
    with connection.transaction():
        ended = connection.execute(
            """UPDATE gearbox.change_set SET status = 'superseded', closed_at = %s,
                 reason = 'its record system was put back to an older state'
               WHERE system = %s AND status = 'open'""",
            [now, system],
        ).rowcount
        told = {"system": system, "reason": reason, "ended_sets": ended, "asked": asked, "forgotten": forgotten}
        if not forgotten:
            told["forced"] = True
        # Whatever other clocks say: all that was written lies before it, all that will be lies behind it.
        lock(connection)
        at = max(now, head(connection).at + _TICK)
        connection.execute(
            "INSERT INTO gearbox.restore (system, declared_by, declared_at, reason) VALUES (%s, %s, %s, %s)",
            [system, who, at - _TICK, reason],
        )
        append(connection, [AuditRow("restored", who, detail=json.dumps(told, ensure_ascii=False))], at)
    return Declared(ended, asked, forgotten)
