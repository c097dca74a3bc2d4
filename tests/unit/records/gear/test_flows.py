"""The flows as they are shipped: what each feeds, what it leaves to people, and who is asked."""

from __future__ import annotations

import re
from itertools import pairwise

import pytest

from schemas.desk import Alert
from sinks.records.assortment import SPARE_PARTS
from sinks.records.gear import flow as flows
from sinks.records.gear.check import warnings_of
from sinks.records.gear.flow import Flow

SHIPPED = ["crm.customer_usage", "erp.sales_usage", "erp.spare_parts_demand", "service.case"]
PEOPLES_OWN = {
    "service.case": {"status", "priority", "assigned_to"},
    "erp.spare_parts_demand": {"planned_qty"},
    "erp.monthly_sales": {"sold_qty"},
    "crm.customer": {"name", "email", "language", "country"},
}


@pytest.fixture(params=SHIPPED)
def flow(request: pytest.FixtureRequest) -> Flow:
    return flows.load(request.param)


def test_the_flows_are_among_those_of_the_package() -> None:
    assert set(SHIPPED) <= set(flows.names())


def test_what_people_keep_is_fed_by_no_flow(flow: Flow) -> None:
    own = PEOPLES_OWN[flow.target]
    assert own <= set(flow.table.column_names)
    assert not own & set(flow.fields)


def test_nothing_is_ever_deleted(flow: Flow) -> None:
    assert not flow.removes_rows


def test_somebody_is_asked_where_a_set_is_large(flow: Flow) -> None:
    assert flow.approval is not None
    assert warnings_of(flow, ["somebody"]) == []


def test_a_set_that_a_day_bears_is_at_least_as_large_as_one_set(flow: Flow) -> None:
    assert flow.limits.max_rows_per_day >= flow.limits.max_rows


def test_a_row_that_is_added_is_added_at_one_gear(flow: Flow) -> None:
    gears = {fed.gear for fed in flow.fields.values()}
    assert len(gears) == 1 or not flow.adds_rows


def test_figures_that_may_be_unknown_are_emptied_by_a_null() -> None:
    """A count is 0 then; of the others null is the answer, and an older figure would speak of somebody else's units."""
    declared = {name: field for flow in SHIPPED for name, field in flows.load(flow).fields.items()}
    assert [name for name, field in declared.items() if field.null_overwrites] == [
        "last_used_at",
        "next_best_action",
        "sessions_per_unit",
        "usage_per_session",
        "label_deviation_pct",
    ]


def test_advice_needs_a_consent_to_care_or_coaching_and_figures_have_a_contract() -> None:
    crm = flows.load("crm.customer_usage")
    assert crm.consents("next_best_action") == {"care", "coaching"}
    assert crm.consent_subject == "customer_id"
    assert [name for name in crm.fields if crm.consents(name)] == ["next_best_action"]
    assert all(fed.purpose for fed in crm.fields.values())


def _rows_of_values(model_sql: str) -> list[list[str]]:
    """What stands in the model's lists of values, row by row, as it is written."""
    return [row.split(", ") for row in re.findall(r"^    \((.+)\),?$", model_sql, re.MULTILINE)]


def test_every_part_of_erp_is_forecast_at_the_share_that_planners_know() -> None:
    rows = _rows_of_values(flows.load("erp.spare_parts_demand").model_sql)
    shares = {row[0].strip("'"): float(row[2].partition("::")[0]) for row in rows}
    assert shares.keys() == {part.part for part in SPARE_PARTS}
    for part in SPARE_PARTS:
        assert shares[part.part] == pytest.approx(part.per_unit_year / 12, abs=0.00005)


def test_every_kind_of_alert_has_a_title_and_wear_has_its_part() -> None:
    kinds = set(Alert.model_fields["kind"].annotation.__args__)  # type: ignore[union-attr]
    titles = {row[0].strip("'") for row in _rows_of_values(flows.load("service.case").model_sql)}
    parts = {row[1].strip("'") for row in _rows_of_values(flows.load("erp.spare_parts_demand").model_sql)} - {"null"}
    assert titles == kinds
    assert parts == kinds - {"dormant", "cohort_shift"}


def test_cases_come_at_once_and_forecasts_at_night() -> None:
    gears = {name: {fed.gear for fed in flows.load(name).fields.values()} for name in SHIPPED}
    assert gears["service.case"] == {"live"}
    assert gears["erp.spare_parts_demand"] == {"nightly"}
    assert all(slow.every_s >= fast.every_s for fast, slow in pairwise(map(flows.load, ("service.case", SHIPPED[1]))))
