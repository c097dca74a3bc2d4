from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.catalogue import SHOE_BY_MATERIAL, WASHER_BY_MATERIAL
from schemas.records import TABLES, Kind, RecordTable
from sinks.records.assortment import LIST_PRICE_EUR
from sinks.records.people import person
from sinks.records.values import Value, from_json, to_json

VALUES: dict[Kind, st.SearchStrategy[Value]] = {
    "text": st.text('aÅ"\\ \n0'),
    "integer": st.integers(-(2**63), 2**63 - 1),
    "decimal": st.decimals(-(10**12), 10**12, places=2),
    "precise": st.decimals(-(10**12) + 1, 10**12 - 1, places=6),
    "date": st.dates(),
    "instant": st.datetimes(timezones=st.just(UTC)),
}


@given(st.sampled_from(sorted(VALUES)).flatmap(lambda kind: st.tuples(st.just(kind), st.none() | VALUES[kind])))
def test_a_value_comes_back_from_json_as_it_was(case: tuple[Kind, Value]) -> None:
    kind, value = case
    assert from_json(kind, to_json(value)) == value


def test_an_instant_is_kept_in_utc() -> None:
    assert to_json(datetime(2026, 5, 1, 2, tzinfo=timezone(timedelta(hours=2)))) == "2026-05-01T00:00:00+00:00"
    assert to_json(date(2026, 5, 1)) == "2026-05-01"
    assert to_json(Decimal("12.50")) == "12.50"


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.full_name)
def test_a_table_says_its_key_its_meanings_and_which_fields_may_be_empty(table: RecordTable) -> None:
    assert set(table.key) <= set(table.column_names)
    assert not any(table.column(name).nullable for name in table.key)
    assert all(column.meaning for column in table.columns)


def test_names_addresses_and_languages_of_customers_are_marked_personal() -> None:
    (customer,) = (table for table in TABLES if table.full_name == "crm.customer")
    assert {customer.column(name).data_class for name in ("name", "email", "language", "country")} == {"personal"}


def test_what_tells_of_a_person_is_marked_personal() -> None:
    told = {"name", "email", "note", "customer_id", "account_id", "assigned_to"}
    about_things = {"erp.plant.name", "crm.campaign.name"}
    unmarked = [
        f"{table.full_name}.{column.name}"
        for table in TABLES
        for column in table.columns
        if column.name in told and column.data_class != "personal"
    ]
    assert set(unmarked) == about_things


def test_every_model_of_the_catalogue_has_a_price() -> None:
    assert set(LIST_PRICE_EUR) == {*WASHER_BY_MATERIAL, *SHOE_BY_MATERIAL}


@pytest.mark.parametrize("country", ["SE", "DE", "GB", "FI", "US", "JP", "BR"])
def test_a_customer_is_the_same_person_each_time_and_can_get_no_mail(country: str) -> None:
    first = person("cu-7-000001", country)
    assert first == person("cu-7-000001", country)
    assert first.email.endswith(".example")
    assert first.email.isascii()
