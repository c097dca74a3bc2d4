"""What a model produced is checked before anything is planned of it; no message quotes a row."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest

from schemas.errors import UsageError
from sinks.records.gear.flow import Completeness, load
from sinks.records.gear.wanted import conform
from tests.unit.records.gear.sales import produced, sales

FLOW = sales()
ASKING = sales(completeness=Completeness(min_share=0.9))
ROW = ("WM-1", 1, 5, "1")


def test_rows_come_ordered_by_key_in_the_types_of_the_target() -> None:
    table = conform(FLOW, produced([("B", 1, 5, "1"), ("A", 2, 6, "2")]))
    assert table.column("material").to_pylist() == ["A", "B"]
    fed = FLOW.table.arrow_schema((*FLOW.key, *FLOW.fields))
    assert table.select(fed.names).schema == fed
    assert table.column("why_session_count").to_pylist() == [7, 7]


def test_a_key_twice_in_the_model_is_an_error_that_names_its_columns_and_no_value() -> None:
    """Of other flows the key is a customer's number."""
    with pytest.raises(UsageError, match=r"gives 1 keys more than once.* material, month") as caught:
        conform(FLOW, produced([ROW, ROW]))
    assert "WM-1" not in str(caught.value)


def test_a_key_that_is_null_is_an_error() -> None:
    with pytest.raises(UsageError, match="key material is null"):
        conform(FLOW, produced([ROW], material=pa.array([None], pa.string())))


@pytest.mark.parametrize(
    ("column", "values", "told"),
    [
        ("usage_per_session", pa.array([1.5]), "cast it to DECIMAL"),
        ("usage_per_session", pa.array([Decimal("1.505")]), "not all of it is decimal128"),
        ("in_use_qty", pa.array(["many"]), "gives in_use_qty as string"),
        ("in_use_qty", pa.array([[1]]), "gives in_use_qty as list"),
        ("gate_complete_share", pa.array(["most"]), "gives gate_complete_share as string"),
        ("gate_complete_share", pa.array([1.5]), "not from 0 to 1"),
        ("gate_complete_share", pa.array([-0.1]), "not from 0 to 1"),
        ("gate_complete_share", pa.array([float("nan")]), "not from 0 to 1"),
    ],
)
def test_a_column_of_another_type_or_range_or_not_rounded_is_an_error(column: str, values: Any, told: str) -> None:
    with pytest.raises(UsageError, match=told) as caught:
        conform(FLOW, produced([ROW], **{column: values}))
    assert "many" not in str(caught.value)
    assert "1.505" not in str(caught.value)


def test_missing_and_surplus_columns_are_named() -> None:
    table = produced([ROW]).rename_columns(
        ["material", "month", "sold_qty", "in_use", "usage_per_session", "why_session_count"]
    )
    with pytest.raises(UsageError, match="missing in_use_qty, surplus in_use"):
        conform(FLOW, table)


def test_a_column_that_is_there_twice_is_an_error() -> None:
    table = produced([ROW]).append_column("why_session_count", pa.array([8]))
    with pytest.raises(UsageError, match="a column twice: why_session_count"):
        conform(FLOW, table)


@pytest.mark.parametrize("share", [0.0, 0.5, 1.0, None])
def test_a_share_of_completeness_is_from_0_to_1_or_not_told(share: float | None) -> None:
    column = conform(ASKING, produced([ROW], gate_complete_share=pa.array([share], pa.float64()))).column(
        "gate_complete_share"
    )
    assert (column.type, column.to_pylist()) == (pa.float64(), [share])


def test_a_share_may_come_as_decimal_and_where_it_is_not_asked_for() -> None:
    column = conform(FLOW, produced([ROW], gate_complete_share=[Decimal("0.25")])).column("gate_complete_share")
    assert (column.type, column.to_pylist()) == (pa.float64(), [0.25])


def test_a_flow_that_asks_for_completeness_has_to_be_told_of_it() -> None:
    with pytest.raises(UsageError, match="missing gate_complete_share"):
        conform(ASKING, produced([ROW]))


def test_whose_consent_is_asked_has_to_be_told() -> None:
    asking = sales(consent_subject="why_customer_id")
    with pytest.raises(UsageError, match="missing why_customer_id"):
        conform(asking, produced([ROW]))
    assert conform(asking, produced([ROW], why_customer_id=["cu-1"])).column("why_customer_id").to_pylist() == ["cu-1"]


def test_an_instant_without_zone_is_taken_as_utc() -> None:
    flow = load("crm.customer_usage")
    columns = {name: pa.array([None], flow.table.column(name).arrow_type) for name in ("customer_id", *flow.fields)}
    at = pa.array([datetime(2026, 5, 1, 7, 30)], pa.timestamp("ms"))  # noqa: DTZ001
    table = conform(flow, pa.table(columns | {"customer_id": ["cu-1"], "last_used_at": at}))
    assert table.column("last_used_at").to_pylist() == [datetime(2026, 5, 1, 7, 30, tzinfo=UTC)]


def test_no_rows_are_no_rows() -> None:
    assert len(conform(FLOW, produced([]))) == 0
