"""Queues, ages, rows written, breakers and freezes, as the ledger has them."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from sinks.records.gear import flow
from sinks.records.gear.figures import Figures, FlowFigures, figures
from sinks.records.gear.reading import looking
from tests.integration.records.gear.conftest import Ledger
from tests.integration.records.gear.filling import NOW, Filler, Wanted, ago

pytestmark = pytest.mark.postgres

SYSTEMS = ("erp", "crm")
IN_USE, DORMANT = "in_use_qty", "dormant_qty"


@pytest.fixture
def fill(ledger: Ledger) -> Filler:
    return Filler(ledger.owner)


def found(ledger: Ledger) -> Figures:
    with looking(ledger.dsn) as connection:
        return figures(connection, [flow.load("erp.sales_usage")], SYSTEMS, NOW)


def of_sales(ledger: Ledger) -> FlowFigures:
    return next(one for one in found(ledger).flows if one.flow == "erp.sales_usage")


def row(index: int, field: str = IN_USE, **verdict: object) -> Wanted:
    return Wanted((f"M{index}", date(2026, 3, 1)), field, 1, 2, **verdict)  # type: ignore[arg-type]


def test_an_empty_ledger_has_flows_without_anything_open_and_fields_that_were_never_written(ledger: Ledger) -> None:
    empty = found(ledger)
    assert [(one.flow, sum(one.open.values()), one.oldest_at, one.planned_at) for one in empty.flows] == [
        ("erp.sales_usage", 0, None, None)
    ]
    assert {field.written_at for field in empty.fields} == {None}
    assert [(one.system, one.rows_written, one.breaker) for one in empty.systems] == [
        ("crm", 0, "closed"), ("erp", 0, "closed")
    ]  # fmt: skip
    assert empty.freezes == []


def test_open_changes_are_counted_by_what_they_wait_for(ledger: Ledger, fill: Filler) -> None:
    number = fill.add_set(
        row(1),
        row(2, decision="wait", reason="gear nightly", not_before=NOW + timedelta(hours=1)),
        row(3, decision="needs_approval"),
        row(4, decision="refused"),
        row(5),
        row(6),
        planned_at=ago(hours=2),
    )
    fill.carry(number, [5], ago(hours=1), state="sent")
    fill.carry(number, [6], ago(hours=1))
    sales = of_sales(ledger)
    assert sales.open == {"go": 1, "wait": 1, "needs_approval": 1, "approved": 0, "sent": 1}
    assert (sales.open_sets, sales.refused, sales.oldest_at) == (1, 1, ago(hours=2))
    fill.approve(number, "bert", "sales_lead", NOW, content_hash="of something else")
    assert of_sales(ledger).open["needs_approval"] == 1
    fill.approve(number, "bert", "sales_lead", NOW)
    assert of_sales(ledger).open == {"go": 1, "wait": 1, "needs_approval": 0, "approved": 1, "sent": 1}


def test_what_is_closed_or_void_or_refused_makes_no_queue(ledger: Ledger, fill: Filler) -> None:
    fill.add_set(row(1), status="superseded")
    fill.add_set(row(1), planned_at=ago(days=9), expires_at=ago(days=2))
    fill.add_set(row(1, decision="refused"), planned_at=ago(hours=3))
    sales = of_sales(ledger)
    assert (sum(sales.open.values()), sales.oldest_at, sales.refused) == (0, None, 1)
    assert sales.planned_at == NOW


def test_a_field_is_as_old_as_its_newest_write_in_any_row(ledger: Ledger, fill: Filler) -> None:
    old = fill.add_set(row(1), row(2), snapshot=3, status="applied")
    fill.carry(old, [1], ago(days=2))
    fill.carry(old, [2], ago(days=1), left_out={2: ("conflict", "was changed")})
    by_name = {field.field: field for field in found(ledger).fields}
    assert (by_name[IN_USE].written_at, by_name[IN_USE].lake_snapshot) == (ago(days=2), 3)
    assert by_name[DORMANT].written_at is None
    new = fill.add_set(row(3), snapshot=8, status="applied")
    fill.carry(new, [1], ago(hours=1))
    by_name = {field.field: field for field in found(ledger).fields}
    assert (by_name[IN_USE].written_at, by_name[IN_USE].lake_snapshot) == (ago(hours=1), 8)
    assert of_sales(ledger).written_at == ago(hours=1)


def test_a_row_counts_as_written_once_a_chunk_and_not_where_all_of_it_was_left_out(
    ledger: Ledger, fill: Filler
) -> None:
    number = fill.add_set(row(1), row(1, DORMANT), row(2), row(2, DORMANT), row(3), status="applied")
    conflict = ("conflict", "was changed")
    fill.carry(number, [1, 2], NOW)
    fill.carry(number, [3, 4, 5], NOW, left_out={3: conflict, 5: conflict})  # type: ignore[dict-item]
    fill.carry(number, [3], NOW, state="cancelled")
    fill.carry(fill.add_set(row(9)), [1], NOW, state="sent")
    by_name = {system.system: system for system in found(ledger).systems}
    assert (by_name["erp"].rows_written, by_name["erp"].left_out) == (2, 2)
    assert by_name["crm"].rows_written == 0
    assert found(ledger).rows_written == 2


def test_freezes_in_force_and_to_come_are_told_with_who_may_move_all_the_same(ledger: Ledger, fill: Filler) -> None:
    fill.freeze("erp", ago(days=1), NOW)
    fill.freeze("erp", ago(days=1), NOW + timedelta(days=1), is_lifted=True)
    fill.freeze("*", NOW + timedelta(days=5), NOW + timedelta(days=6), "erp.sales_usage", "crm.customer_usage")
    fill.freeze("crm", ago(days=1), NOW + timedelta(seconds=1))
    assert [(freeze.system, freeze.excepted) for freeze in found(ledger).freezes] == [
        ("crm", []),
        ("*", ["crm.customer_usage", "erp.sales_usage"]),
    ]


def test_a_system_that_is_not_called_says_why_and_when_it_is_again(ledger: Ledger, fill: Filler) -> None:
    fill.break_off("erp", "does not answer", NOW + timedelta(minutes=1))
    by_name = {system.system: system for system in found(ledger).systems}
    assert (by_name["erp"].breaker, by_name["erp"].breaker_reason) == ("open", "does not answer")
    assert by_name["erp"].retry_at == NOW + timedelta(minutes=1)
    assert by_name["crm"].breaker == "closed"


def test_a_flow_that_is_no_longer_declared_is_still_counted(ledger: Ledger, fill: Filler) -> None:
    fill.add_set(Wanted(("cu-1",), "engagement", None, "daily"), table="crm.customer")
    assert [one.flow for one in found(ledger).flows] == ["crm.customer_usage", "erp.sales_usage"]
