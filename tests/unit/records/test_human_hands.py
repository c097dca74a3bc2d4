"""What people set fields to."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.record_form import Kind
from schemas.records import BY_NAME, TABLES
from sinks.records.human_hands import OWN_FIELDS, Editable, edited, is_edited
from sinks.records.values import Value

FIELDS = [Editable(table, column) for table in TABLES for column in table.columns if is_edited(table, column)]
VALUES: dict[Kind, st.SearchStrategy[Value]] = {
    "text": st.text(max_size=5) | st.sampled_from(["daily", "new", "b.ekman", "call back"]),
    "integer": st.integers(0, 2**40),
    "decimal": st.decimals(-100, 10**9, places=2),
    "precise": st.decimals(-100, 10**9, places=6),
    "date": st.dates(date(1990, 1, 1), date(2100, 1, 1)),
    "instant": st.datetimes(datetime(1990, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001
}
TYPES: dict[Kind, type] = {
    "text": str,
    "integer": int,
    "decimal": Decimal,
    "precise": Decimal,
    "date": date,
    "instant": datetime,
}
CASES = st.sampled_from(FIELDS).flatmap(
    lambda field: st.tuples(
        st.just(field), VALUES[field.column.kind] | st.none() if field.column.nullable else VALUES[field.column.kind]
    )
)


@given(CASES, st.integers())
def test_an_edit_is_another_value_of_the_fields_kind(case: tuple[Editable, Value], seed: int) -> None:
    field, held = case
    value = edited(field, held, date(2026, 5, 3), Random(seed))
    assert value != held
    assert isinstance(value, TYPES[field.column.kind]) or (value is None and field.column.nullable)
    assert value == edited(field, held, date(2026, 5, 3), Random(seed))


@given(CASES, st.integers())
def test_a_number_that_was_not_negative_stays_so(case: tuple[Editable, Value], seed: int) -> None:
    field, held = case
    value = edited(field, held, date(2026, 5, 3), Random(seed))
    if isinstance(held, int | Decimal) and isinstance(value, int | Decimal) and held >= 0:
        assert value >= 0


@pytest.mark.parametrize(
    ("table", "name"),
    [
        ("service.case", "case_id"),
        ("service.case", "device_id"),
        ("billing.invoice_line", "customer_id"),
        ("billing.invoice_line", "period"),
        ("billing.invoice_line", "merkle_root"),
    ],
)
def test_nobody_edits_what_a_row_is_about_or_what_programs_compute(table: str, name: str) -> None:
    assert not is_edited(BY_NAME[table], BY_NAME[table].column(name))


def test_peoples_own_fields_are_there_and_edited() -> None:
    for table, names in OWN_FIELDS.items():
        assert all(is_edited(BY_NAME[table], BY_NAME[table].column(name)) for name in names)
