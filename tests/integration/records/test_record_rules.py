"""What the record systems make of what is written into them, by rules of their own."""

from __future__ import annotations

import pytest

from tests.integration.records.relaying import query

pytestmark = pytest.mark.postgres

DEMAND = "INSERT INTO erp.spare_parts_demand (part, plant, month, forecast_qty) VALUES"


@pytest.mark.parametrize(("pack", "written", "stored"), [("SP-1003", 1, 10), ("SP-1003", 20, 20), ("SP-1003", 21, 30)])
def test_erp_rounds_a_forecast_up_to_whole_packs(records_dsn: str, pack: str, written: int, stored: int) -> None:
    made = query(records_dsn, f"{DEMAND} ('{pack}', '1010', '2030-01-01', {written}) RETURNING forecast_qty")
    assert made == [{"forecast_qty": stored}]
    changed = query(
        records_dsn, "UPDATE erp.spare_parts_demand SET forecast_qty = 31 WHERE month = '2030-01-01' RETURNING *"
    )
    assert changed[0]["forecast_qty"] == 40


@pytest.mark.parametrize("written", ["NULL", "0", "3"])
def test_erp_leaves_a_forecast_of_nothing_and_of_a_part_sold_singly(records_dsn: str, written: str) -> None:
    made = query(records_dsn, f"{DEMAND} ('SP-1005', '1010', '2030-01-01', {written}) RETURNING forecast_qty")
    assert made == [{"forecast_qty": None if written == "NULL" else int(written)}]


def test_erp_leaves_a_planners_own_figure(records_dsn: str) -> None:
    query(records_dsn, "INSERT INTO erp.spare_parts_demand VALUES ('SP-1003', '1010', '2030-01-01', 3, 1, 7)")
    held = query(
        records_dsn, "SELECT forecast_qty, alert_qty, planned_qty FROM erp.spare_parts_demand WHERE alert_qty = 1"
    )
    assert held == [{"forecast_qty": 10, "alert_qty": 1, "planned_qty": 7}]


def test_crm_says_when_a_customer_was_changed_and_raises_the_version(records_dsn: str) -> None:
    before = "SELECT row_version, changed_at FROM crm.customer WHERE customer_id = 'cu-1'"
    assert query(records_dsn, before) == [{"row_version": 1, "changed_at": None}]
    query(records_dsn, "UPDATE crm.customer SET engagement = 'daily' WHERE customer_id = 'cu-1'")
    (first,) = query(records_dsn, before)
    query(records_dsn, "UPDATE crm.customer SET engagement = 'daily' WHERE customer_id = 'cu-1'")
    (second,) = query(records_dsn, before)
    assert (first["row_version"], second["row_version"]) == (2, 3)
    assert first["changed_at"] < second["changed_at"]


CASE = "INSERT INTO service.case (case_id, kind, priority, title, opened_at) VALUES"


@pytest.mark.parametrize(
    ("kind", "priority", "stored"),
    [("bearing", "NULL", 1), ("dormant", "NULL", 4), ("odd", "NULL", 3), ("bearing", "4", 4)],
)
def test_service_gives_a_case_the_priority_of_its_kind_where_nobody_says(
    records_dsn: str, kind: str, priority: str, stored: int
) -> None:
    made = query(records_dsn, f"{CASE} ('c', '{kind}', {priority}, 't', now()) RETURNING priority, status")
    assert made == [{"priority": stored, "status": "new"}]
