"""Carries a change set into its record system, at the pace that it bears.

In:            an open change set of the ledger.
Out:           written fields of the record system; audit rows, chunks and in the end the set's status in the ledger.
Guarantee:     each change is written at most once, whoever calls how often, and after any crash; only what may go at
               the instant it is sent; never more than the system's rows in any second.
On failure:    a chunk that was sent and whose outcome is not known is settled before anything else is sent.

Ledger and record system are two systems, so a chunk's durable effects come in this order:

1. the chunk is written down as sent, with its token (ledger)
2. its rows and its token are written (record system, one transaction)
3. audit rows and the chunk's outcome are written down (ledger, one transaction)

Killed after 1 or 2, the chunk is found as sent: `Target.cancel` tells whether 2 has happened, or makes sure that it
never will. Killed after 3, nothing is left to do.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from uuid import uuid4

from schemas.errors import DecisionError, OutcomeUnknownError, OutsideError, RecordRefusedError, UsageError
from schemas.gearbox_ledger import ChangeSetStatus
from sinks.records.crash import crash_point
from sinks.records.database import session
from sinks.records.gear import batches, chunks, sets
from sinks.records.gear.batches import Numbered, Row
from sinks.records.gear.calendar import frozen_until, next_freeze
from sinks.records.gear.changes import Verdict
from sinks.records.gear.flow import Flow
from sinks.records.gear.freezes import in_force
from sinks.records.gear.judge import Size, judge
from sinks.records.gear.pacing import paced
from sinks.records.gear.places import Clock, Places
from sinks.records.gear.refusals import nothing_may_go
from sinks.records.gear.sets import Stored
from sinks.records.gear.settling import Link, refuse_if_put_back, settle_unsettled, write_down
from sinks.records.gear.situation import situation
from sinks.records.targets.opening import open_target
from sinks.records.targets.target import Batch

_SHORTEST = timedelta(seconds=1)
"""A chunk is not begun so shortly before a freeze: a record system needs some of it to end in time."""


@dataclass(frozen=True)
class Applied:
    """What one call wrote, and what is left of the set.

    Attributes:
        rows: Rows sent by this call.
        changes: Fields written by this call.
        left_out: Fields that were not written: no longer as planned, or turned down by the record system.
        waiting: Changes that may go later,
        not_before: the first of them at this instant; None: as soon as the rate lets them.
        needing_approval: Changes that a person has to approve.
        refused: Changes that will not go.
    """

    change_set_id: int
    flow: str
    status: ChangeSetStatus
    rows: int = 0
    changes: int = 0
    left_out: int = 0
    waiting: int = 0
    not_before: datetime | None = None
    needing_approval: int = 0
    refused: int = 0
    reasons: tuple[str, ...] = ()


@dataclass
class _Count:
    """What one call has done; `sent`: numbers of the changes that are settled by it."""

    rows: int = 0
    changes: int = 0
    left_out: int = 0
    sent: set[int] = field(default_factory=set)


def apply_set(
    change_set_id: int,
    flow: Flow,
    places: Places,
    who: str,
    clock: Clock,
    *,
    is_patient: bool = True,
    tell: Callable[[int, int], None] = lambda _done, _all: None,
) -> Applied:
    """Applies what may go of a change set.

    Args:
        is_patient: Wait for the rate of rows per second; else give up when it is used up.
        tell: Called with changes done and changes in all.

    Raises:
        UsageError: There is no such set, it is not open, or its flow has changed since.
        DecisionError: It is not what was planned, or the record system was put back to an older state.
        UnreachableError: The record system does not answer.
        OutsideError: Another gearbox writes into the system.
    """
    with session(places.ledger) as connection:
        chunks.hold_system(connection, flow.system)
        target = open_target(places.systems[flow.system], places.addresses[flow.system])
        try:
            link = Link(connection, target, places, clock, who)
            settle_unsettled(link, flow.system)
            stored = sets.load(connection, change_set_id)
            if stored.status == "applied":
                return Applied(change_set_id, flow.name, "applied")
            refuse_if_put_back(connection, target, flow.system)
            _refuse_unfit(stored, flow)
            if clock.now() >= stored.expires_at:
                sets.close(connection, change_set_id, "expired", "nobody applied it in time", who, clock.now())
                return Applied(change_set_id, flow.name, "expired")
            return _apply(link, flow, stored, is_patient=is_patient, tell=tell)
        finally:
            target.close()


def _apply(link: Link, flow: Flow, stored: Stored, *, is_patient: bool, tell: Callable[[int, int], None]) -> Applied:
    count = _Count()
    done = chunks.done_numbers(link.connection, stored.change_set_id)
    pending: list[Numbered] = [
        (number, change)
        for number, change in zip(stored.numbers, stored.change_set.changes, strict=True)
        if number not in done
    ]
    was_stalled = False
    while True:
        judged = _judged(link, flow, stored, pending)
        going = [numbered for numbered in judged if numbered[1].verdict.decision == "go"]
        sent: set[int] = set()
        count.sent = sent
        has_changed = False
        for rows in paced(link, flow, going, is_patient=is_patient):
            _carry_what_may(link, flow, stored, rows, count)
            tell(len(done) + len(sent), len(stored.numbers))
            if not sent.issuperset(number for row in rows for number in row.numbers):
                has_changed = True  # everything is judged anew
                break
        done |= sent
        if not has_changed or (was_stalled and not sent):
            return _end(link, stored, [numbered for numbered in judged if numbered[0] not in sent], count)
        was_stalled = not sent
        pending = [numbered for numbered in pending if numbered[0] not in sent]


def _judged(link: Link, flow: Flow, stored: Stored, changes: Sequence[Numbered]) -> list[Numbered]:
    """What is to become of these changes by what is known now, the set as planned being the measure of its limits."""
    known = situation(
        link.connection,
        flow,
        [change for _, change in changes],
        link.consenting(flow),
        link.places,
        link.clock.now(),
        planned_at=stored.planned_at,
        approval_of=(stored.change_set_id, stored.content_hash),
    )
    part = replace(stored.change_set, changes=tuple(change for _, change in changes))
    judged = judge(flow, part, known, Size.of(stored.change_set))
    return [(number, change) for (number, _), change in zip(changes, judged.change_set.changes, strict=True)]


def _still_going(link: Link, flow: Flow, stored: Stored, changes: Sequence[Numbered]) -> list[Numbered]:
    """Those of a chunk's changes that may still go: a freeze, a person or a consent may have come since."""
    freeze_at = _next_freeze(link, flow)
    if freeze_at is not None and freeze_at - link.clock.now() < _SHORTEST:
        return []
    return [one for one in _judged(link, flow, stored, changes) if one[1].verdict.decision == "go"]


def _next_freeze(link: Link, flow: Flow) -> datetime | None:
    now = link.clock.now()
    return next_freeze(in_force(link.connection, flow.system, now), flow.system, flow.name, now)


def _carry_what_may(link: Link, flow: Flow, stored: Stored, rows: Sequence[Row], count: _Count) -> None:
    """Carries what may still go of the rows of a chunk, the set being open still."""
    fresh = _still_going(link, flow, stored, [numbered for row in rows for numbered in row.changes])
    if fresh and sets.status_of(link.connection, stored.change_set_id) == "open":
        _carry(link, flow, stored, batches.rows_of(fresh), count)


def _carry(link: Link, flow: Flow, stored: Stored, rows: Sequence[Row], count: _Count) -> None:
    """Carries the rows of a chunk; where the record system refuses some, the others are carried without them."""
    now, system = link.clock.now(), link.places.systems[flow.system]
    freezes = in_force(link.connection, flow.system, now)
    if frozen_until(freezes, flow.system, flow.name, now) is not None:
        return  # it was declared, or has begun, since they were judged
    freeze_at = next_freeze(freezes, flow.system, flow.name, now)
    deadline_at = now + timedelta(seconds=system.chunk_s)
    if freeze_at is not None:
        deadline_at = min(deadline_at, freeze_at)
    token, numbers = str(uuid4()), [number for row in rows for number in row.numbers]
    chunks.send(  # 1
        link.connection, token, stored.change_set_id, flow.system, numbers, len(rows), link.who, now
    )
    crash_point("gear.sent")
    is_strict = stored.change_set.kind != "plan"
    writes = batches.writes(flow.table, rows, is_strict=is_strict)
    try:
        written = link.target.write(Batch(token, stored.change_set_id, flow.table, writes, deadline_at))  # 2
    except RecordRefusedError as error:
        chunks.cancel(link.connection, token, link.clock.now())
        _without_the_refused(link, flow, stored, rows, error, count)
        return
    except OutcomeUnknownError:
        raise
    except OutsideError:  # it says for sure that nothing was written
        chunks.cancel(link.connection, token, link.clock.now())
        raise
    crash_point("gear.written")
    left_out = write_down(  # 3
        link, token, stored.change_set_id, stored.change_set, rows, written, link.who
    )
    crash_point("gear.settled")
    count.rows += len(rows)
    count.changes += len(numbers) - left_out
    count.left_out += left_out
    count.sent.update(numbers)


def _without_the_refused(
    link: Link, flow: Flow, stored: Stored, rows: Sequence[Row], error: RecordRefusedError, count: _Count
) -> None:
    if len(rows) > 1:  # which of them it is, halving finds
        middle = len(rows) // 2
        for half in (rows[:middle], rows[middle:]):
            _carry_what_may(link, flow, stored, half, count)
        return
    told, left_out = batches.turned_down(stored.change_set_id, stored.change_set, rows[0], str(error), link.who)
    token, now = str(uuid4()), link.clock.now()
    with link.connection.transaction():
        chunks.send(link.connection, token, stored.change_set_id, flow.system, left_out, 0, link.who, now)
        chunks.settle(link.connection, token, left_out, told, now)
    count.left_out += len(left_out)
    count.sent.update(left_out)


def _end(link: Link, stored: Stored, pending: Sequence[Numbered], count: _Count) -> Applied:
    """What is left; a set of which nothing can go any more is closed: as refused, if nothing of it was ever sent."""
    verdicts = [change.verdict for _, change in pending]
    waiting = [verdict for verdict in verdicts if verdict.decision in ("wait", "go")]
    needing = [verdict for verdict in verdicts if verdict.decision == "needs_approval"]
    refused = [verdict for verdict in verdicts if verdict.decision == "refused"]
    status = sets.status_of(link.connection, stored.change_set_id)
    if status == "open" and not waiting and not needing:
        asked_because, was_sent = stored.change_set.asked_because, len(pending) < len(stored.numbers)
        because = None if was_sent else nothing_may_go(verdicts, asked_because)
        status = "applied" if because is None else "refused"
        sets.close(link.connection, stored.change_set_id, status, because, link.who, link.clock.now())
    instants = [verdict.not_before for verdict in waiting]
    return Applied(
        stored.change_set_id,
        stored.change_set.flow,
        status,
        count.rows,
        count.changes,
        count.left_out,
        len(waiting),
        None if None in instants else min((at for at in instants if at is not None), default=None),
        len(needing),
        len(refused),
        _reasons([*waiting, *needing, *refused]),
    )


def _reasons(verdicts: Sequence[Verdict]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(verdict.reason for verdict in verdicts))


def _refuse_unfit(stored: Stored, flow: Flow) -> None:
    number = stored.change_set_id
    if stored.status != "open":
        because = f": {stored.reason}" if stored.reason else ""
        raise UsageError(f"Change set {number} is {stored.status}{because}. Plan again: vaxel gearbox plan {flow.name}")
    if stored.change_set.flow_version != flow.full_version:
        raise UsageError(
            f"Change set {number} was planned by version {stored.change_set.flow_version} of flow {flow.name!r}, which "
            f"is at {flow.full_version}. Plan again: vaxel gearbox plan {flow.name}"
        )
    if stored.change_set.content_hash() != stored.content_hash:
        raise DecisionError(
            f"Change set {number} is not what was planned: its content has another hash than was written down. Nothing "
            "of it is applied. See who changed it: vaxel gearbox verify"
        )
