from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.errors import UsageError
from sinks.records.flow import Flow, load, parse
from sinks.records.judge import judge
from sinks.records.plan import Change, ChangeSet, plan
from sinks.records.wanted import conform

SALES = load("erp.sales_usage")
# A narrow flow over the same table: one field that a null may empty, one that it may not.
NARROW = parse(
    "narrow",
    """
    version = 1
    target = "erp.monthly_sales"
    key = ["material", "month"]
    approval = "none"
    limits = { max_rows = 3, max_share_of_rows = 0.5 }
    fields.in_use_qty = { gear = "live" }
    fields.usage_per_session = { gear = "live", null_overwrites = true }
    """,
    "select 1",
)
MAY = date(2026, 5, 1)


def wanted(*rows: tuple[str, int | None, str | None]) -> pa.Table:
    """Rows as a model produces them: material, in_use_qty, usage_per_session."""
    return conform(
        NARROW,
        pa.table(
            {
                "material": pa.array([material for material, _, _ in rows], pa.string()),
                "month": pa.array([MAY] * len(rows), pa.date32()),
                "in_use_qty": pa.array([in_use for _, in_use, _ in rows], pa.int32()),
                "usage_per_session": pa.array(
                    [None if usage is None else Decimal(usage) for _, _, usage in rows], pa.decimal128(9, 2)
                ),
                "why_session_count": pa.array([7] * len(rows), pa.int64()),
            }
        ),
    )


def target(*rows: tuple[str, int | None, str | None, int]) -> pa.Table:
    """Rows as the record system holds them: material, in_use_qty, usage_per_session, row_version."""
    schema = NARROW.table.arrow_schema(("material", "month", "in_use_qty", "usage_per_session"))
    return pa.Table.from_pylist(
        [
            {
                "material": material,
                "month": MAY,
                "in_use_qty": in_use,
                "usage_per_session": None if usage is None else Decimal(usage),
                "row_version": row_version,
            }
            for material, in_use, usage, row_version in rows
        ],
        schema.append(pa.field("row_version", pa.int64())),
    )


def test_a_change_says_key_field_before_after_row_version_and_why() -> None:
    found = plan(NARROW, wanted(("WM-1", 5, "560.00")), target(("WM-1", 4, "560.00", 9)), 17)
    assert found.changes == (Change(("WM-1", MAY), "in_use_qty", 4, 5, 9, {"session_count": 7}),)
    assert (found.flow, found.lake_snapshot, found.target_rows, found.changed_rows) == ("narrow", 17, 1, 1)


def test_no_difference_makes_no_change() -> None:
    assert plan(NARROW, wanted(("WM-1", 5, "560")), target(("WM-1", 5, "560.00", 9)), 1).changes == ()


def test_a_null_replaces_a_value_only_where_the_flow_says_so() -> None:
    found = plan(NARROW, wanted(("WM-1", None, None)), target(("WM-1", 5, "1.00", 9)), 1)
    assert [(change.field, change.after) for change in found.changes] == [("usage_per_session", None)]


def test_a_value_fills_an_empty_field() -> None:
    found = plan(NARROW, wanted(("WM-1", 0, "0")), target(("WM-1", None, None, 1)), 1)
    assert [change.after for change in found.changes] == [0, Decimal("0.00")]


def test_a_row_the_target_does_not_hold_is_named_and_not_added() -> None:
    found = plan(NARROW, wanted(("WM-1", 5, "1"), ("WM-2", 5, "1")), target(("WM-2", 5, "1.00", 1)), 1)
    assert found.missing_keys == (("WM-1", MAY),)
    assert (found.missing_rows, found.changes) == (1, ())


def test_a_row_the_model_does_not_name_stays_as_it_is() -> None:
    assert plan(NARROW, wanted(), target(("WM-1", 5, "1.00", 1)), 1).changes == ()


def test_changes_are_ordered_by_key_and_field() -> None:
    found = plan(
        NARROW,
        wanted(("WM-2", 1, "1"), ("WM-1", 1, "1")),
        target(("WM-1", None, None, 1), ("WM-2", None, None, 1)),
        1,
    )
    assert [(change.key[0], change.field) for change in found.changes] == [
        ("WM-1", "in_use_qty"),
        ("WM-1", "usage_per_session"),
        ("WM-2", "in_use_qty"),
        ("WM-2", "usage_per_session"),
    ]


def test_a_key_twice_in_the_model_is_an_error_that_names_its_columns_and_no_value() -> None:
    """Of other flows the key is a customer's number."""
    with pytest.raises(UsageError, match=r"gives 1 keys more than once.* material, month") as caught:
        wanted(("WM-1", 1, "1"), ("WM-1", 2, "1"))
    assert "WM-1" not in str(caught.value)


def test_a_key_that_is_null_is_an_error() -> None:
    produced = wanted(("WM-1", 1, "1")).set_column(0, "material", pa.array([None], pa.string()))
    with pytest.raises(UsageError, match="key material is null"):
        conform(NARROW, produced)


@pytest.mark.parametrize(
    ("column", "values", "told"),
    [
        ("usage_per_session", pa.array([1.5]), "cast it to DECIMAL"),
        ("usage_per_session", pa.array([Decimal("1.505")]), "not all of it is decimal128"),
        ("in_use_qty", pa.array(["many"]), "gives in_use_qty as string"),
    ],
)
def test_a_column_of_another_type_or_not_rounded_is_an_error(column: str, values: pa.Array, told: str) -> None:
    produced = wanted(("WM-1", 1, "1"))
    produced = produced.set_column(produced.schema.get_field_index(column), column, values)
    with pytest.raises(UsageError, match=told):
        conform(NARROW, produced)


def test_missing_and_surplus_columns_are_named() -> None:
    produced = wanted(("WM-1", 1, "1")).rename_columns(["material", "month", "in_use", "usage_per_session", "why_x"])
    with pytest.raises(UsageError, match="missing in_use_qty, surplus in_use"):
        conform(NARROW, produced)


def test_an_instant_without_zone_is_taken_as_utc() -> None:
    flow = load("crm.customer_usage")
    produced = pa.table(
        {
            "customer_id": ["cu-1"],
            "products_in_use": [1],
            "last_used_at": pa.array([datetime(2026, 5, 1, 7, 30)], pa.timestamp("ms")),  # noqa: DTZ001
            "engagement": ["daily"],
            "next_best_action": pa.array([None], pa.string()),
        }
    )
    assert conform(flow, produced).column("last_used_at").to_pylist() == [datetime(2026, 5, 1, 7, 30, tzinfo=UTC)]


materials = st.sampled_from(["A", "B", "C", "D", "E"])
counts = st.none() | st.integers(0, 3)
amounts = st.none() | st.decimals(0, 3, places=1).map(str)
wanted_rows = st.lists(st.tuples(materials, counts, amounts), unique_by=lambda row: row[0])
target_rows = st.lists(st.tuples(materials, counts, amounts, st.integers(1, 9)), unique_by=lambda row: row[0])


def applied(before: pa.Table, changes: tuple[Change, ...]) -> pa.Table:
    """The target after the changes, by the plainest way there is."""
    rows = {(row["material"], row["month"]): dict(row) for row in before.to_pylist()}
    for change in changes:
        row: dict[str, Any] = rows[change.key]  # type: ignore[index]
        assert row[change.field] == change.before
        row[change.field] = change.after
    for key in {change.key for change in changes}:
        rows[key]["row_version"] += 1  # type: ignore[index]
    return pa.Table.from_pylist(list(rows.values()), before.schema)


@given(wanted_rows, target_rows)
def test_the_applied_plan_is_what_was_wanted_and_planning_again_changes_nothing(
    model: list[tuple[str, int | None, str | None]], held: list[tuple[str, int | None, str | None, int]]
) -> None:
    before = target(*held)
    found = plan(NARROW, wanted(*model), before, 1)
    after = {row["material"]: row for row in applied(before, found.changes).to_pylist()}
    for material, in_use, usage in model:
        if material in after:
            if in_use is not None:
                assert after[material]["in_use_qty"] == in_use
            assert after[material]["usage_per_session"] == (None if usage is None else Decimal(usage))
    named = {material for material, _, _ in model}
    untouched = [row for row in before.to_pylist() if row["material"] not in named or row in after.values()]
    assert all(after[row["material"]] == row for row in untouched)
    assert plan(NARROW, wanted(*model), applied(before, found.changes), 1).changes == ()


@given(wanted_rows, target_rows, st.randoms())
def test_the_plan_does_not_depend_on_the_order_of_rows(model: list[Any], held: list[Any], random: Any) -> None:
    found = plan(NARROW, wanted(*model), target(*held), 1)
    random.shuffle(model)
    random.shuffle(held)
    assert plan(NARROW, wanted(*model), target(*held), 1) == found


def a_set(flow: Flow, rows: int, target_rows: int) -> ChangeSet:
    changes = tuple(
        Change((f"M-{row}", MAY), field, None, 1, 1, {}) for row in range(rows) for field in ("in_use_qty", "x")
    )
    return ChangeSet(flow.name, flow.full_version, 1, flow.target, target_rows, (), 0, changes)


@pytest.mark.parametrize(
    ("rows", "target_rows", "decision", "reason"),
    [
        (0, 0, "go", "nothing differs"),
        (3, 6, "go", "3 of 6 rows, within the flow's limits"),
        (4, 100, "refused", "4 rows would change, the flow's limit is 3"),
        (3, 5, "refused", "3 of 5 rows (60.0%) would change, the flow's limit is 50.0%"),
    ],
)
def test_a_set_over_the_limits_is_refused_with_what_was_found(
    rows: int, target_rows: int, decision: str, reason: str
) -> None:
    verdict = judge(NARROW, a_set(NARROW, rows, target_rows))
    assert (verdict.decision, verdict.reason) == (decision, reason)


def test_a_flow_that_requires_approval_does_not_go_by_itself() -> None:
    assert judge(NARROW.model_copy(update={"approval": "required"}), a_set(NARROW, 1, 6)).decision == "refused"
