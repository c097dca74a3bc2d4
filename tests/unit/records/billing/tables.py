"""Billing's tables and a model's rows as tests of its flow hand them in."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa

from schemas.records import BY_NAME
from sinks.records.billing import shape as shaping
from sinks.records.gear.flow import load
from tests.unit.records.billing.billed import MAY, may

FLOW = load("billing.usage_line")
Row = dict[str, Any]
_MAY_20 = may(20)

PRODUCED = pa.schema(
    [
        ("contract_no", pa.string()),
        ("device_id", pa.string()),
        ("customer_id", pa.string()),
        ("kind", pa.string()),
        ("country", pa.string()),
        ("valid_from", pa.timestamp("us", tz="UTC")),
        ("valid_to", pa.timestamp("us", tz="UTC")),
        ("as_of_ms", pa.int64()),
        ("complete_months", pa.string()),
        ("session_id", pa.string()),
        ("session_version", pa.int64()),
        ("ended_at_ms", pa.int64()),
        ("distance_m", pa.int64()),
        ("anomalies", pa.list_(pa.string())),
    ]
)


def contract_row(
    kind: str = "pay_per_wash",
    country: str = "SE",
    as_of: datetime = _MAY_20,
    complete: Mapping[str, float] | None = None,
    number: int = 1,
    valid_to: datetime | None = None,
) -> Row:
    return {
        "contract_no": f"ct-{number}",
        "device_id": f"wm-{number}",
        "customer_id": f"cu-{number}",
        "kind": kind,
        "country": country,
        "valid_from": datetime(2026, 1, 1, tzinfo=UTC),
        "valid_to": valid_to,
        "as_of_ms": _ms(as_of),
        "complete_months": None if complete is None else json.dumps(complete),
    }


def session_row(
    name: str,
    ended_at: datetime,
    *,
    anomalies: Sequence[str] = (),
    distance_m: int | None = None,
    version: int = 1,
    number: int = 1,
) -> Row:
    return {
        "contract_no": f"ct-{number}",
        "session_id": name,
        "session_version": version,
        "ended_at_ms": _ms(ended_at),
        "distance_m": distance_m,
        "anomalies": list(anomalies),
    }


def produced(*rows: Row) -> pa.Table:
    return pa.Table.from_pylist(list(rows), PRODUCED)


def a_price(kind: str, country: str, currency: str, unit: str, unit_price: str, **more: str) -> Row:
    known = {"base_fee": "0", "included_qty": "0", "minimum_charge": "0"} | more
    return {
        "kind": kind,
        "country": country,
        "valid_from": date(2026, 1, 1),
        "currency": currency,
        "unit": unit,
        "unit_price": Decimal(unit_price),
        **{name: Decimal(value) for name, value in known.items()},
    }


PRICES = (
    a_price("pay_per_wash", "SE", "SEK", "wash", "12.5"),
    a_price("pay_per_km", "JP", "JPY", "km", "7.2", base_fee="240"),
    a_price("flat", "DE", "EUR", "", "0.5", base_fee="19", included_qty="2"),
)
WAIVER = {
    "rule_no": "wv-1",
    "kind": None,
    "anomaly": "power_cut",
    "valid_from": date(2026, 1, 1),
    "valid_to": None,
    "meaning": "The power failed",
}


def records(
    lines: Sequence[Row] = (),
    closed: Sequence[date] = (),
    prices: Sequence[Row] = PRICES,
    first: date = MAY,
    tiers: Sequence[Row] = (),
) -> dict[str, pa.Table]:
    periods = [{"period": month, "status": "closed" if month in closed else "open"} for month in {first, *closed}]
    rows: dict[str, Sequence[Row]] = {
        "billing.price": prices,
        "billing.price_tier": tiers,
        "billing.waiver_rule": [WAIVER],
        "billing.period": periods,
        "billing.invoice_line": lines,
    }
    return {
        name: pa.Table.from_pylist(list(found), BY_NAME[name].arrow_schema(BY_NAME[name].column_names))
        for name, found in rows.items()
    }


def lines_of(rows: pa.Table, known: Mapping[str, pa.Table]) -> list[Row]:
    """The rows that the flow makes of these."""
    found: list[Row] = shaping.shape(FLOW, rows, known).to_pylist()
    return found


def as_held(rows: Sequence[Row]) -> list[Row]:
    """The lines as billing holds them, once they are applied."""
    return [{name: row[name] for name in BY_NAME["billing.invoice_line"].column_names} for row in rows]


def _ms(at: datetime) -> int:
    return int(at.timestamp() * 1000)
