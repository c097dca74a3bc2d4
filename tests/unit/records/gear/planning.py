"""Plans of the small flow over sales, and a ledger that knows who wrote last."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

import pyarrow as pa

from sinks.records.gear.changes import ChangeSet
from sinks.records.gear.flow import Flow
from sinks.records.gear.last_write import LastWrite, Place
from sinks.records.gear.plan import plan
from tests.unit.records.gear.sales import sales

FLOW = sales()
ADDING = sales(adds_rows=True)
REMOVING = sales(adds_rows=True, removes_rows=True)


class Ledger:
    """What was written last, and what was asked."""

    def __init__(self, known: Mapping[Place, LastWrite] | None = None) -> None:
        self.known = known or {}
        self.asked: list[list[Place]] = []

    def __call__(self, places: Sequence[Place]) -> Mapping[Place, LastWrite]:
        self.asked.append(list(places))
        return {place: self.known[place] for place in places if place in self.known}


def planned(flow: Flow, model: pa.Table, target: pa.Table, ledger: Ledger | None = None) -> ChangeSet:
    return plan(flow, model, target, 17, ledger or Ledger())


def short(change_set: ChangeSet) -> list[tuple[str, str, str, str, str]]:
    return [
        (change.op, json.loads(change.key)["material"], change.field, change.before, change.after)
        for change in change_set.changes
    ]
