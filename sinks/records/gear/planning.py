"""Plans a flow: asks the lake, reads the target, decides, and keeps the set in the ledger. Changes no record.

In:            a flow; a lake snapshot; the target's rows.
Out:           a judged change set in the ledger, or none when nothing differs.
Guarantee:     all of a plan is from one lake snapshot; equal content is kept once; no record is changed. What another
               gearbox writes meanwhile is not taken for a person's edit: the plan is made anew.
On failure:    nothing is kept.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

import pyarrow as pa
from psycopg import Rollback

from schemas.errors import OutsideError
from schemas.records import BY_NAME
from sinks.records.billing import shape as billing
from sinks.records.database import Connection, session
from sinks.records.gear import approvals, model, overlap, sets
from sinks.records.gear.changes import ChangeSet
from sinks.records.gear.flow import Flow
from sinks.records.gear.judge import judge
from sinks.records.gear.places import Clock, Places
from sinks.records.gear.plan import plan
from sinks.records.gear.refusals import nothing_may_go
from sinks.records.gear.settling import Link, refuse_if_put_back, settle_if_free
from sinks.records.gear.situation import consenting, last_writes, situation
from sinks.records.gear.wanted import conform
from sinks.records.targets.opening import open_target
from sinks.records.targets.target import Target

ROUNDS: Final = 3
"""So often a plan is made whose fields another gearbox writes meanwhile."""
ROUND_APART_S: Final = 1.0
"""Most chunks are written and told in less."""


@dataclass(frozen=True)
class Planned:
    """A judged plan; without a number when there was nothing to change.

    Attributes:
        refused_because: A limit that the set as a whole is over. Changes that are refused one by one do not count,
            though the ledger keeps a set of which nothing may go as refused.
        is_new: False: the same content was open already, and stays; or was refused before, which is not said again.
        approved_by: Of one that was open already: who has approved it, if nobody has rejected it.
    """

    change_set_id: int | None
    change_set: ChangeSet
    refused_because: str | None
    is_new: bool
    approved_by: tuple[str, ...] = ()


Produced = Callable[[], tuple[pa.Table, int]]
"""Gives what a model produced, and the lake snapshot that it read."""


def plan_flow(flow: Flow, places: Places, who: str, clock: Clock, snapshot: int | None = None) -> Planned:
    """Plans a flow on a lake snapshot (None: the newest), judges the plan and keeps it.

    Raises:
        DecisionError: The record system was put back to an older state, and nobody has said so.
        OutsideError: Another gearbox writes the same fields, each time that the plan is made.
    """
    return plan_produced(flow, places, who, clock, lambda: model.run(flow, places.catalog, places.records, snapshot))


def plan_produced(flow: Flow, places: Places, who: str, clock: Clock, produce: Produced) -> Planned:
    """As `plan_flow`, of what `produce` gives."""
    target = open_target(places.systems[flow.system], places.addresses[flow.system])
    try:
        with session(places.ledger) as connection:
            link = Link(connection, target, places, clock, who)
            for number in range(ROUNDS):
                if number:
                    clock.sleep(ROUND_APART_S)
                planned = _round(link, flow, produce)
                if planned is not None:
                    return planned
    finally:
        target.close()
    raise OutsideError(
        f"Another gearbox writes into {flow.target} just now what {flow.name} feeds. Plan again when it is done, or "
        f"end its set first (vaxel gearbox list --open): vaxel gearbox plan {flow.name}"
    )


def _round(link: Link, flow: Flow, produce: Produced) -> Planned | None:
    """A plan that is kept; None: nothing is, for another gearbox wrote some of the same fields meanwhile."""
    connection, target = link.connection, link.target
    settle_if_free(link, flow.system)
    refuse_if_put_back(connection, target, flow.system)
    since = overlap.mark(connection)
    # The target is read first: a field edited while the model runs no longer holds what was planned upon.
    held = target.read(flow.table, tuple(flow.fields))
    produced, read = produce()
    wanted, held = shaped(flow, produced, held, records_of(flow, target))
    change_set = plan(flow, wanted, held, read, lambda pairs: last_writes(connection, flow, pairs))
    with connection.transaction():
        planned = keep_judged(connection, flow, link.places, change_set, link.who, link.clock)
        # Last of all: behind this, the sets that the plan supersedes send nothing any more.
        if not overlap.written_since(connection, flow.target, since).isdisjoint(flow.fields):
            raise Rollback
        return planned
    return None


def keep_judged(
    connection: Connection, flow: Flow, places: Places, change_set: ChangeSet, who: str, clock: Clock
) -> Planned:
    """Judges a change set and keeps it."""
    now = clock.now()
    known = situation(
        connection,
        flow,
        change_set.changes,
        consenting(places, flow, now) if change_set.changes else {},
        places,
        now,
        planned_at=now,
        approval_of=None,
    )
    judged = judge(flow, change_set, known)
    change_set = judged.change_set
    verdicts = [change.verdict for change in change_set.changes]
    kept = sets.keep(
        connection,
        change_set,
        who,
        now,
        expires_after=timedelta(hours=flow.expires_after_h),
        refused_because=judged.refused_because or nothing_may_go(verdicts, change_set.asked_because),
    )
    if kept is None:
        return Planned(None, change_set, judged.refused_because, is_new=False)
    word = approvals.standing(connection, kept.change_set_id, change_set.content_hash())
    by = word.approved_by if word.is_approved else ()
    return Planned(kept.change_set_id, change_set, judged.refused_because, kept.is_new, by)


def records_of(flow: Flow, target: Target) -> Mapping[str, pa.Table]:
    """Tables of the record system, by name, that the flow's shape needs beside the target's rows."""
    names = billing.RECORDS if flow.shape == "billing" else ()
    return {name: target.read(BY_NAME[name], BY_NAME[name].column_names) for name in names}


def shaped(
    flow: Flow, produced: pa.Table, held: pa.Table, records: Mapping[str, pa.Table]
) -> tuple[pa.Table, pa.Table]:
    """What is wanted, in the target's types, and which of the held rows it is compared with."""
    if flow.shape == "rows":
        return conform(flow, produced), held
    return conform(flow, billing.shape(flow, produced, records)), billing.held_filter(held, records)
