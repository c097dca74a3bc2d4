"""The plan: only real differences, whole rows where rows are added or removed, and nothing that is a person's."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from random import Random
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sinks.records.gear.changes import Change, ChangeSet
from sinks.records.gear.flow import Flow, load
from sinks.records.gear.last_write import LastWrite, Place
from sinks.records.gear.plan import plan
from sinks.records.gear.wanted import conform
from tests.unit.records.gear.sales import MAY, Row, held, key, last_write, sales, wanted

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


def test_a_row_the_target_does_not_hold_is_named_where_the_flow_adds_none() -> None:
    rows: list[Row] = [(f"M-{number:02}", 1, 5, "1") for number in range(30)]
    found = planned(FLOW, wanted(*rows), held(("M-07", 1, 5, "1.00")))
    assert found.changes == ()
    assert found.missing_rows == 29
    assert found.missing_keys == tuple(key(f"M-{number:02}") for number in range(21) if number != 7)


def test_a_row_that_is_added_tells_every_field_from_null_and_the_nulls_too() -> None:
    ledger = Ledger()
    found = planned(ADDING, wanted(("B", 3, None, "1.5"), flow=ADDING), held(("A", 1, 5, "1.00")), ledger)
    assert short(found) == [
        ("insert", "B", "sold_qty", "null", "3"),
        ("insert", "B", "in_use_qty", "null", "null"),
        ("insert", "B", "usage_per_session", "null", '"1.50"'),
    ]
    assert {change.row_version for change in found.changes} == {None}
    assert {change.why for change in found.changes} == {'{"session_count":7}'}
    assert (found.missing_rows, found.missing_keys) == (0, ())


def test_a_row_the_model_does_not_name_stays_as_it_is() -> None:
    ledger = Ledger({(key("A"), field): last_write() for field in ADDING.fields})
    assert planned(ADDING, wanted(), held(("A", 1, 4, "1.00")), ledger).changes == ()


def test_a_row_of_ours_the_model_names_no_more_is_removed_where_the_flow_removes_rows() -> None:
    ledger = Ledger({(key("A"), field): last_write() for field in REMOVING.fields})
    found = planned(REMOVING, wanted(("B", 1, 4, "1.00")), held(("A", 1, 4, None), ("B", 1, 4, "1.00")), ledger)
    assert short(found) == [
        ("delete", "A", "sold_qty", "1", "null"),
        ("delete", "A", "in_use_qty", "4", "null"),
        ("delete", "A", "usage_per_session", "null", "null"),
    ]
    assert {change.row_version for change in found.changes} == {9}
    assert ledger.asked == [[(key("A"), field) for field in REMOVING.fields]]


def test_a_row_that_nobody_of_ours_wrote_is_never_removed() -> None:
    assert planned(REMOVING, wanted(), held(("A", 1, 4, "1.00"))).changes == ()


def test_a_row_that_a_person_added_is_not_removed_though_we_changed_a_field_of_it() -> None:
    ledger = Ledger({(key("A"), "in_use_qty"): last_write()})
    assert planned(REMOVING, wanted(), held(("A", 1, 4, None)), ledger).changes == ()


def test_a_row_that_we_removed_and_a_person_added_again_is_not_removed() -> None:
    ledger = Ledger({(key("A"), field): last_write(before="4", after="null") for field in REMOVING.fields})
    assert planned(REMOVING, wanted(), held(("A", 1, 4, "1.00")), ledger).changes == ()


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


def test_rows_that_share_a_part_of_their_key_are_told_apart() -> None:
    """Two columns make the key, so neither material nor month alone finds a row."""
    june = date(2026, 6, 1)
    model = wanted(("A", 1, 5, None), ("A", 1, 6, None), ("B", 1, 7, None), month=pa.array([MAY, june, MAY]))
    target = held(("A", 1, 1, None), ("A", 1, 2, None), ("B", 1, 3, None))
    target = target.set_column(1, "month", pa.chunked_array([[MAY], [june, MAY]], pa.date32()))
    found = planned(FLOW, model, target)
    assert [(change.key, change.before, change.after) for change in found.changes] == [
        (key("A"), "1", "5"),
        (key("A").replace("-05-", "-06-"), "2", "6"),
        (key("B"), "3", "7"),
    ]


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
