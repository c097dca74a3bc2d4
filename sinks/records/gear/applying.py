"""Carries a change set into its record system, at the pace that it bears.

In:            an open change set of the ledger.
Out:           written fields of the record system; audit rows, chunks and in the end the set's status in the ledger.
Guarantee:     each change is written at most once, whoever calls how often, and after any crash; only what may go at
               the instant it is sent; never more than the system's rows in any second.
On failure:    a chunk that was sent and whose outcome is not known is settled before anything else is sent.

Ledger and record system are two systems; `carrying` has the order of their durable effects, `settling` what is done
after a crash.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from schemas.errors import DecisionError, UsageError
from schemas.gearbox_ledger import ChangeSetStatus
from sinks.records.database import Connection, session
from sinks.records.gear import batches, chunks, sets
from sinks.records.gear.batches import Row
from sinks.records.gear.carrying import Carrier, Count
from sinks.records.gear.changes import Verdict
from sinks.records.gear.collector import set_aside
from sinks.records.gear.flow import Flow
from sinks.records.gear.judging import Judgement
from sinks.records.gear.pacing import Pace
from sinks.records.gear.places import Clock, Places
from sinks.records.gear.refusals import nothing_may_go
from sinks.records.gear.sets import Stored
from sinks.records.gear.settling import Link, refuse_if_put_back, settle_unsettled
from sinks.records.targets.opening import open_target


@dataclass(frozen=True)
class Applied:
    """What one call wrote, and what is left of the set.

    Attributes:
        rows: Rows of which this call wrote something.
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
            with set_aside(partial(_loaded, connection, change_set_id)) as (stored, pending):
                if stored.status == "applied":
                    return Applied(change_set_id, flow.name, "applied")
                refuse_if_put_back(connection, target, flow.system)
                _refuse_unfit(stored, flow)
                if clock.now() >= stored.expires_at:
                    sets.close(connection, change_set_id, "expired", "nobody applied it in time", who, clock.now())
                    return Applied(change_set_id, flow.name, "expired")
                return _apply(link, flow, stored, pending, is_patient=is_patient, tell=tell)
        finally:
            target.close()


def _loaded(connection: Connection, change_set_id: int) -> tuple[Stored, list[Row]]:
    """A change set, and its rows of which nobody has tried yet whether they can be written."""
    stored = sets.load(connection, change_set_id)
    done = chunks.done_numbers(connection, change_set_id)
    changes = zip(stored.numbers, stored.change_set.changes, strict=True)
    return stored, batches.rows_of(numbered for numbered in changes if numbered[0] not in done)


def _apply(
    link: Link,
    flow: Flow,
    stored: Stored,
    pending: Sequence[Row],
    *,
    is_patient: bool,
    tell: Callable[[int, int], None],
) -> Applied:
    done = len(stored.numbers) - sum(len(row.changes) for row in pending)
    judgement = Judgement(link, flow, stored)

    def told(count: Count) -> None:
        tell(done + len(count.settled), len(stored.numbers))

    with Carrier(link, flow, stored, judgement.going, told) as carrier:
        _carry(carrier, judgement, Pace(link, link.places.systems[flow.system], is_patient), pending)
        carrier.land()
    count = carrier.count
    left = batches.without(pending, count.settled)
    return _end(link, stored, judgement.verdicts(left), count)


def _carry(carrier: Carrier, judgement: Judgement, pace: Pace, pending: Sequence[Row]) -> None:
    """Carries what may go, piece by piece, each judged when it is its turn."""
    rows = judgement.of_today(pending)
    first = 0
    while first < len(rows):
        judged_at = pace.link.clock.now()
        piece = rows[first : first + pace.system.chunk_rows]
        going = judgement.going(piece)
        allowed = pace.allowed()
        if going and allowed == 0:
            carrier.land()  # what is known of it need not wait for the pace
            if not pace.wait():
                return
            continue
        carried = carrier.carry(going[:allowed], judged_at) if going else "sent"
        if carried == "over":
            return
        if carried == "sent":
            first = batches.index_of(rows, going[allowed]) if len(going) > allowed else first + len(piece)


def _end(link: Link, stored: Stored, verdicts: Sequence[Verdict], count: Count) -> Applied:
    """What is left, by its verdicts; a set of which nothing can go any more is closed: refused, if nothing was sent."""
    waiting = [verdict for verdict in verdicts if verdict.decision in ("wait", "go")]
    needing = [verdict for verdict in verdicts if verdict.decision == "needs_approval"]
    refused = [verdict for verdict in verdicts if verdict.decision == "refused"]
    status = sets.status_of(link.connection, stored.change_set_id)
    if status == "open" and not waiting and not needing:
        asked_because, was_sent = stored.change_set.asked_because, len(verdicts) < len(stored.numbers)
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
    number, undoes = stored.change_set_id, stored.change_set.undoes
    again = f"vaxel gearbox plan {flow.name}" if undoes is None else f"vaxel gearbox undo {undoes} --reason ..."
    if stored.status != "open":
        because = f": {stored.reason}" if stored.reason else ""
        raise UsageError(f"Change set {number} is {stored.status}{because}. Plan again: {again}")
    if stored.change_set.flow_version != flow.full_version:
        raise UsageError(
            f"Change set {number} was planned by version {stored.change_set.flow_version} of flow {flow.name!r}, which "
            f"is at {flow.full_version}. Plan again: {again}"
        )
    if stored.change_set.content_hash() != stored.content_hash:
        raise DecisionError(
            f"Change set {number} is not what was planned: its content has another hash than was written down. Nothing "
            "of it is applied. See who changed it: vaxel gearbox verify"
        )
