"""Sets to judge, and what the judge says of them."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from schemas.gearbox_ledger import Decision
from sinks.records.gear.calendar import Freeze
from sinks.records.gear.changes import Change, ChangeSet, Verdict
from sinks.records.gear.flow import Flow
from sinks.records.gear.judge import judge
from tests.unit.records.gear.sales import NOON, change, key, sales, situation

HOUR = timedelta(hours=1)
TOMORROW = datetime.fromisoformat("2026-05-06T22:00+00:00")
"""The next midnight in Stockholm."""
FLOW = sales()
IN_USE = "in_use_qty"
PLACE = (key("A"), IN_USE)


def a_set(*changes: Change, **changed: Any) -> ChangeSet:
    found = ChangeSet("plan", "sales", "1-abc", 40, "erp", "erp.monthly_sales", 100, changes)
    return replace(found, **changed)


def rows(number: int, **changed: Any) -> list[Change]:
    return [change(f"M-{row:05}", **changed) for row in range(number)]


def verdicts(flow: Flow, change_set: ChangeSet, **known: Any) -> list[Verdict]:
    return [one.verdict for one in judge(flow, change_set, situation(**known)).change_set.changes]


def verdict(flow: Flow, change_set: ChangeSet, **known: Any) -> tuple[Decision, str]:
    """Of a set with one verdict for all."""
    (found,) = {(one.decision, one.reason) for one in verdicts(flow, change_set, **known)}
    return found


def freeze(starts: float, ends: float, **changed: Any) -> Freeze:
    given: dict[str, Any] = {"freeze_id": 1, "system": "erp", "reason": "stocktaking"}
    return Freeze(**{**given, **changed}, starts_at=NOON + starts * HOUR, ends_at=NOON + ends * HOUR)
