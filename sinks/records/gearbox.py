"""One run of one flow: ask the lake, read the target, decide, remember, and apply."""

from __future__ import annotations

from dataclasses import dataclass

from sinks.records import ledger, model, target
from sinks.records.flow import Flow
from sinks.records.judge import Verdict, judge
from sinks.records.plan import ChangeSet, plan


@dataclass(frozen=True)
class Planned:
    """A plan with its verdict; without a number when there was nothing to change."""

    change_set_id: int | None
    change_set: ChangeSet
    verdict: Verdict


def plan_flow(flow: Flow, catalog: str, records_dsn: str, who: str, snapshot: int | None = None) -> Planned:
    """Plans a flow on a lake snapshot (None: the newest), judges the plan and keeps it. Changes no record.

    Args:
        catalog: Address of the lake's catalogue, as `model.run` takes it.
        who: Who asked for it; goes into the ledger.
    """
    # The target is read first: a row edited while the model runs no longer has its version and becomes a conflict.
    held = target.read_rows(records_dsn, flow)
    wanted, read = model.run(flow, catalog, records_dsn, snapshot)
    change_set = plan(flow, wanted, held, read)
    verdict = judge(flow, change_set)
    return Planned(ledger.record(records_dsn, change_set, verdict, who), change_set, verdict)


def apply_planned(planned: Planned, flow: Flow, records_dsn: str, who: str) -> target.Applied | None:
    """Applies a plan that may go; None when it holds no change or was refused."""
    if planned.change_set_id is None or planned.verdict.decision == "refused":
        return None
    return target.apply(records_dsn, flow, planned.change_set_id, who)
