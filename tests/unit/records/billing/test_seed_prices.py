"""The seed's prices fit their tables, and rate every kind of contract in every country."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pyarrow as pa
import pytest

from schemas.records import BY_NAME
from sinks.records.billing.months import ZONES
from sinks.records.billing.seed_prices import rows
from tests.unit.records.billing.billed import may
from tests.unit.records.billing.tables import PRODUCED, Row, contract_row, lines_of, produced, records, session_row


def _tables() -> dict[str, pa.Table]:
    known = records()
    for name, found in rows().items():
        columns = BY_NAME[name].column_names
        told = [dict(zip(columns, row, strict=True)) for row in found]
        known[name] = pa.Table.from_pylist(told, BY_NAME[name].arrow_schema(columns))
    return known


@pytest.mark.parametrize("country", ZONES)
@pytest.mark.parametrize("kind", ["pay_per_wash", "pay_per_km", "flat"])
def test_every_kind_is_rated_in_every_country_in_whole_coins(kind: str, country: str) -> None:
    distance_m = 30_123 if kind == "pay_per_km" else None
    used: list[Row] = [
        session_row(f"s{number:02}", may(1 + number % 28, 12), distance_m=distance_m) for number in range(33)
    ]
    lines = lines_of(produced(contract_row(kind, country), *used), _tables())
    total = sum((line["amount"] for line in lines), Decimal(0))
    assert total > 5
    if country == "JP":
        assert all(line["amount"] == int(line["amount"]) and line["currency"] == "JPY" for line in lines)


def test_no_row_is_there_twice_and_the_first_period_is_the_one_asked_for() -> None:
    for name, found in rows().items():
        key = [BY_NAME[name].column_names.index(part) for part in BY_NAME[name].key]
        assert len({tuple(row[place] for place in key) for row in found}) == len(found)
    assert rows(date(2027, 2, 1))["billing.period"] == [(date(2027, 2, 1), "open", None, None)]
    assert "anomalies" in PRODUCED.names
