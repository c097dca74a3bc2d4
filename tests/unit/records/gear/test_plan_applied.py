"""A plan, applied, is what was wanted: whatever the rows are, and in whatever order they come."""

from __future__ import annotations

import json
from collections.abc import Sequence
from decimal import Decimal
from random import Random
from typing import Any

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from sinks.records.gear.changes import Change
from sinks.records.gear.flow import Flow
from tests.unit.records.gear.planning import ADDING, FLOW, REMOVING, Ledger, planned
from tests.unit.records.gear.sales import Row, held, key, last_write, wanted

materials = st.sampled_from(["A", "B", "C", "D", "Å"])
counts = st.none() | st.integers(0, 3)
amounts = st.none() | st.decimals(0, 3, places=1).map(str)
row_lists = st.lists(st.tuples(materials, st.integers(0, 2), counts, amounts), unique_by=lambda row: row[0])
Rows = dict[str, dict[str, Any]]


def as_rows(table: pa.Table) -> Rows:
    return {row["material"]: {name: row[name] for name in FLOW.fields} for row in table.to_pylist()}


def applied(before: pa.Table, changes: Sequence[Change]) -> Rows:
    """The target after the changes, by the plainest way there is."""
    rows = as_rows(before)
    for change in changes:
        material = json.loads(change.key)["material"]
        old, new = (_value(change.field, text) for text in (change.before, change.after))
        if change.op == "insert":
            assert old is None
            rows.setdefault(material, {})[change.field] = new
            continue
        assert rows[material][change.field] == old
        rows[material][change.field] = new
    for material in {json.loads(change.key)["material"] for change in changes if change.op == "delete"}:
        assert set(rows[material].values()) == {None}
        del rows[material]
    return rows


def _value(field: str, text: str) -> Any:
    value = json.loads(text)
    return Decimal(value) if field == "usage_per_session" and value is not None else value


def expected(flow: Flow, model: Rows, target: Rows, ours: set[str]) -> Rows:
    """The target as it should be, told row by row and without the plan's help."""
    rows = {material: dict(row) for material, row in target.items()}
    for material, row in model.items():
        if material not in rows:
            if flow.adds_rows:
                rows[material] = dict(row)
            continue
        for field, value in row.items():
            if value is not None or flow.fields[field].null_overwrites:
                rows[material][field] = value
    if flow.removes_rows:
        rows = {material: row for material, row in rows.items() if material in model or material not in ours}
    return rows


def as_table(rows: Rows) -> pa.Table:
    return held(
        *(
            (
                material,
                row["sold_qty"],
                row["in_use_qty"],
                None if (found := row["usage_per_session"]) is None else str(found),
            )
            for material, row in rows.items()
        )
    )


@given(st.sampled_from([FLOW, ADDING, REMOVING]), row_lists, row_lists, st.sets(materials))
def test_the_applied_plan_is_what_was_wanted_and_planning_again_changes_nothing(
    flow: Flow, model: list[Row], target: list[Row], ours: set[str]
) -> None:
    ledger = Ledger({(key(material), field): last_write() for material in ours for field in flow.fields})
    model_table, before = wanted(*model), held(*target)
    found = planned(flow, model_table, before, ledger)
    after = applied(before, found.changes)
    assert after == expected(flow, as_rows(model_table), as_rows(before), ours)
    assert planned(flow, model_table, as_table(after), ledger).changes == ()


@given(st.sampled_from([FLOW, REMOVING]), row_lists, row_lists, st.randoms())
def test_the_plan_does_not_depend_on_the_order_of_rows(
    flow: Flow, model: list[Row], target: list[Row], random: Random
) -> None:
    ledger = Ledger({(key(material), field): last_write() for material in "AB" for field in flow.fields})
    model_table, before = wanted(*model), held(*target)
    found = planned(flow, model_table, before, ledger)
    shuffled = [
        table.take(pa.array(random.sample(range(len(table)), len(table)), pa.int64()))
        for table in (model_table, before)
    ]
    assert planned(flow, shuffled[0], shuffled[1], ledger) == found
