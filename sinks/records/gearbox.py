"""One run of one flow: ask the lake, read the target, decide, remember, and apply."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TypeVar

from schemas.errors import VaxelError
from sinks.records import ledger, model, target
from sinks.records.flow import Flow, load
from sinks.records.judge import Verdict, judge
from sinks.records.plan import ChangeSet, plan


@dataclass(frozen=True)
class Planned:
    """A plan with its verdict; without a number when there was nothing to change."""

    change_set_id: int | None
    change_set: ChangeSet
    verdict: Verdict

    @property
    def needs_a_look(self) -> bool:
        return self.verdict.decision == "refused"


@dataclass(frozen=True)
class Shift:
    """What one run of a flow wrote.

    Attributes:
        change_set_id: None when there was nothing to change.
        conflict_rows: Rows left as they are because somebody else had changed them since the plan.
    """

    change_set_id: int | None
    change_set: ChangeSet
    verdict: Verdict
    rows: int
    changes: int
    conflict_rows: int

    @property
    def needs_a_look(self) -> bool:
        return self.verdict.decision == "refused" or self.conflict_rows > 0


@dataclass(frozen=True)
class Failed:
    """A flow that could not be planned or applied."""

    flow: str
    error: VaxelError


End = Planned | Shift | Failed
T = TypeVar("T", Planned, Shift)


def each(flows: Iterable[Flow], work: Callable[[Flow], T], tell: Callable[[T | Failed], None]) -> list[T | Failed]:
    """What became of each flow, told as soon as it is known. One that fails holds up no other."""
    ends: list[T | Failed] = []
    for flow in flows:
        end: T | Failed
        try:
            end = work(flow)
        except VaxelError as error:
            end = Failed(flow.name, error)
        tell(end)
        ends.append(end)
    return ends


def plan_flow(flow: Flow, catalog: str, records_dsn: str, who: str, snapshot: int | None = None) -> Planned:
    """Plans a flow on a lake snapshot (None: the newest), judges the plan and keeps it. Changes no record.

    Args:
        catalog: PostgreSQL address of the lake's catalogue.
        who: Who asked for it; goes into the ledger.
    """
    # The target is read first: a row edited while the model runs no longer has its version and becomes a conflict.
    held = target.read_rows(records_dsn, flow)
    wanted, read = model.run(flow, catalog, records_dsn, snapshot)
    change_set = plan(flow, wanted, held, read)
    verdict = judge(flow, change_set)
    return Planned(ledger.record(records_dsn, change_set, verdict, who), change_set, verdict)


def shift(flow: Flow, catalog: str, records_dsn: str, who: str) -> Shift:
    """Plans a flow on the newest lake snapshot and applies the plan, if there is something to change and it may go."""
    planned = plan_flow(flow, catalog, records_dsn, who)
    if planned.change_set_id is None or planned.verdict.decision == "refused":
        return Shift(planned.change_set_id, planned.change_set, planned.verdict, 0, 0, 0)
    return _applied(flow, planned.change_set_id, planned.change_set, planned.verdict, records_dsn, who)


def apply_kept(change_set_id: int, records_dsn: str, who: str) -> Shift:
    """Applies a change set of the ledger; writes nothing when it was applied before.

    Raises:
        UsageError: There is none of that number, it was refused or superseded, or its flow has changed since.
    """
    change_set = ledger.load(records_dsn, change_set_id).change_set
    flow = load(change_set.flow)
    return _applied(flow, change_set_id, change_set, judge(flow, change_set), records_dsn, who)


def _applied(
    flow: Flow, change_set_id: int, change_set: ChangeSet, verdict: Verdict, records_dsn: str, who: str
) -> Shift:
    applied = target.apply(records_dsn, flow, change_set_id, who)
    return Shift(change_set_id, change_set, verdict, applied.rows, applied.changes, applied.conflict_rows)
