"""The plan: only real differences of fields, with their gates, evidence and money."""

from __future__ import annotations

import json
import time
from datetime import UTC, date, datetime
from decimal import Decimal

import pyarrow as pa
import pytest

from sinks.records.gear.changes import Change
from sinks.records.gear.flow import load
from sinks.records.gear.wanted import conform
from tests.unit.records.gear.planning import FLOW, REMOVING, Ledger, planned, short
from tests.unit.records.gear.sales import Row, held, key, last_write, sales, wanted


def test_a_change_says_key_field_before_after_row_version_gates_and_why() -> None:
    found = planned(FLOW, wanted(("WM-1", 1, 5, "560.00")), held(("WM-1", 1, 4, "560.00")))
    assert found.changes == (Change("update", key("WM-1"), "in_use_qty", "4", "5", 9, "{}", '{"session_count":7}'),)
    assert (found.kind, found.flow, found.system, found.target_table) == ("plan", "sales", "erp", "erp.monthly_sales")
    assert (found.lake_snapshot, found.target_rows, found.changed_rows, found.money) == (17, 1, 1, None)
    assert found.flow_version == FLOW.full_version


def test_no_difference_makes_no_change_and_asks_nothing() -> None:
    ledger = Ledger()
    assert planned(FLOW, wanted(("A", 1, 5, "560")), held(("A", 1, 5, "560.00")), ledger).changes == ()
    assert ledger.asked == []


def test_a_null_replaces_a_value_only_where_the_flow_says_so() -> None:
    found = planned(FLOW, wanted(("A", 1, None, None)), held(("A", 1, 5, "1.00")))
    assert short(found) == [("update", "A", "usage_per_session", '"1.00"', "null")]


def test_a_value_fills_an_empty_field_even_if_it_is_zero() -> None:
    found = planned(FLOW, wanted(("A", 1, 0, "0")), held(("A", 1, None, None)))
    assert [change.after for change in found.changes] == ["0", '"0.00"']


def test_changes_are_ordered_by_key_and_then_as_the_flow_names_its_fields() -> None:
    found = planned(FLOW, wanted(("Å", 2, 1, "1"), ("A", 2, 1, "1")), held(("A", 1, None, None), ("Å", 1, None, None)))
    assert [(material, field) for _, material, field, _, _ in short(found)] == [
        (material, field) for material in ("A", "Å") for field in ("sold_qty", "in_use_qty", "usage_per_session")
    ]


def test_what_the_record_system_made_of_the_same_value_is_no_difference() -> None:
    ledger = Ledger({(key("A"), "in_use_qty"): last_write(after="5", stored="6")})
    assert planned(FLOW, wanted(("A", 1, 5, None)), held(("A", 1, 6, None)), ledger).changes == ()
    assert ledger.asked == [[(key("A"), "in_use_qty")]]


@pytest.mark.parametrize(
    ("model", "target", "after", "stored"),
    [(5, 7, "5", "6"), (8, 6, "5", "6"), (5, 6, "5", None)],
    ids=["a person set it since", "another value is wanted", "no rule made something of it"],
)
def test_any_other_difference_of_a_field_that_we_wrote_is_one(
    model: int, target: int, after: str, stored: str | None
) -> None:
    ledger = Ledger({(key("A"), "in_use_qty"): last_write(after=after, stored=stored)})
    found = planned(FLOW, wanted(("A", 1, model, None)), held(("A", 1, target, None)), ledger)
    assert short(found) == [("update", "A", "in_use_qty", str(target), str(model))]


def test_the_ledger_is_asked_once_and_only_of_what_differs() -> None:
    ledger = Ledger()
    model, target = (
        wanted(("A", 1, 5, "1"), ("B", 2, 5, "1")),
        held(("A", 1, 4, "1"), ("B", 1, 5, "2"), ("C", 1, 1, "1")),
    )
    planned(FLOW, model, target, ledger)
    assert [sorted(asked) for asked in ledger.asked] == [
        [(key("A"), "in_use_qty"), (key("B"), "sold_qty"), (key("B"), "usage_per_session")]
    ]


def test_money_is_what_the_money_field_moves_up_and_down_added_and_removed() -> None:
    flow = REMOVING.model_copy(update={"money_field": "usage_per_session"})
    ledger = Ledger({(key("D"), field): last_write() for field in flow.fields})
    found = planned(
        flow,
        wanted(("A", 1, 1, "3.50"), ("B", 1, 1, "1.00"), ("C", 9, 1, "7.25"), ("E", 1, 1, None), flow=flow),
        held(("A", 1, 1, "1.00"), ("B", 1, 1, "2.00"), ("D", 1, 1, "4.00"), ("E", 1, 1, "0.50")),
        ledger,
    )
    assert found.money == Decimal("2.50") + 1 + Decimal("7.25") + 4 + Decimal("0.50")


def test_gates_tell_completeness_and_whose_consent_is_asked() -> None:
    flow = sales(consent_subject="why_customer")
    model = wanted(
        ("A", 1, 5, None), ("B", 1, 5, None), flow=flow, gate_complete_share=[0.25, None], why_customer=["cu-1", None]
    )
    found = planned(flow, model, held(("A", 1, 4, None), ("B", 1, 4, None)))
    assert [change.gates for change in found.changes] == [
        '{"complete_share":0.25,"subject":"cu-1"}',
        '{"complete_share":null,"subject":null}',
    ]
    assert json.loads(found.changes[0].why) == {"session_count": 7, "customer": "cu-1"}


def test_the_subject_may_be_a_column_of_the_key() -> None:
    flow = sales(consent_subject="material")
    found = planned(flow, wanted(("A", 1, 5, None)), held(("A", 1, 4, None)))
    assert found.changes[0].gates == '{"subject":"A"}'


def test_evidence_that_json_does_not_know_is_told_as_text_and_numbers_that_are_none_as_null() -> None:
    model = wanted(
        ("A", 1, 5, None),
        why_at=pa.array([datetime(2026, 5, 1, 7, 30)], pa.timestamp("ns")),  # noqa: DTZ001
        why_share=[float("nan")],
        why_days=[[date(2026, 5, 1)]],
        why_price=[Decimal("1.50")],
        why_name=["Åsa"],
    )
    found = planned(FLOW, model, held(("A", 1, 4, None)))
    assert found.changes[0].why == (
        '{"session_count":7,"at":"2026-05-01T07:30:00+00:00","share":null,"days":["2026-05-01"],"price":"1.50",'
        '"name":"Åsa"}'
    )


def test_instants_are_told_in_utc() -> None:
    """Whatever zone the target's session has, the same instant has the same text."""
    flow = load("crm.customer_usage")
    at = datetime(2026, 5, 1, 7, 30, tzinfo=UTC)
    names = ["customer_id", *flow.fields]
    model = pa.table(
        {name: pa.array([None], flow.table.column(name).arrow_type) for name in names}
        | {"customer_id": ["cu-1"], "last_used_at": pa.array([at], pa.timestamp("us", tz="Europe/Stockholm"))}
    )
    target = pa.table({name: pa.array([None], flow.table.column(name).arrow_type) for name in names}).set_column(
        0, "customer_id", pa.array(["cu-1"])
    )
    found = planned(flow, conform(flow, model), target.append_column("row_version", pa.array([1], pa.int64())))
    assert [(change.field, change.after) for change in found.changes] == [
        ("last_used_at", '"2026-05-01T07:30:00+00:00"')
    ]


def test_rows_that_do_not_differ_never_become_python_values() -> None:
    """A million rows are compared in about half a second: far less than it takes to look at each of them."""
    rows: list[Row] = [(f"M-{number:06}", 1, 5, "1") for number in range(50_000)]
    model, target = wanted(*rows), held(*rows)
    planning, looking = [], []
    for _ in range(3):
        began = time.process_time()
        assert planned(FLOW, model, target).changes == ()
        compared = time.process_time()
        target.to_pylist()
        planning.append(compared - began)
        looking.append(time.process_time() - compared)
    assert min(planning) < min(looking)


def test_a_change_tells_its_rows_currency_and_money_is_that_of_the_currency_in_which_most_moves() -> None:
    fields = {"money_field": "usage_per_session", "money_currency_field": "material"}
    flow = REMOVING.model_copy(update=fields)
    found = planned(
        flow,
        wanted(("EUR", 1, 1, "3.50"), ("SEK", 1, 1, "9.00"), flow=flow),
        held(("EUR", 1, 1, "1.00"), ("NOK", 1, 1, "4.00")),
        Ledger({(key("NOK"), field): last_write() for field in flow.fields}),
    )
    assert {change.key: change.gates for change in found.changes} == {
        key(name): f'{{"currency":"{name}"}}' for name in ("EUR", "SEK", "NOK")
    }
    assert found.moved == {"EUR": Decimal("2.50"), "SEK": Decimal("9.00"), "NOK": Decimal("4.00")}
    assert found.money == Decimal("9.00")
