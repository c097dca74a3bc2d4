"""Reads from the record systems what references of some devices are built from. No name and no address is asked for."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable
from typing import Any

from sinks.records.database import Connection
from sinks.records.references import Row, Rows


def _ms(column: str) -> str:
    """A begin or an end in whole milliseconds since 1970; null where it never comes, 0 where it was earlier.

    PostgreSQL has an instant before all others, too, and people write it: what ended then says nothing.
    """
    return (
        f"CASE WHEN {column} < 'infinity' THEN "
        f"floor(extract(epoch FROM greatest({column}, 'epoch'::timestamptz)) * 1000)::bigint END"
    )


_CALENDAR_DAY = "CASE WHEN sold_on BETWEEN '0001-01-01' AND '9999-12-31' THEN sold_on END"

_DEVICE = f"""
SELECT serial AS device_id, product, unit.material, plant, {_CALENDAR_DAY} AS sold_on,
  {_ms(f"coalesce(registered_at, ({_CALENDAR_DAY})::timestamp AT TIME ZONE 'UTC')")} AS registered_at_ms
FROM erp.serial_number AS unit JOIN erp.material AS model ON model.material = unit.material
WHERE serial = ANY(%s)
"""
# Whom CRM holds nothing of is somewhere (`references.SOMEWHERE`).
_CUSTODY = f"""
SELECT device_id, {_ms("from_at")} AS from_ms, {_ms("to_at")} AS to_ms, custody.customer_id, kind,
  coalesce(country, 'ZZ') AS country, coalesce(time_zone, 'UTC') AS time_zone, language, insights_per_week,
  max_heart_rate_bpm, goal, weekly_km, runs_per_week
FROM crm.custody
LEFT JOIN crm.customer ON customer.customer_id = custody.customer_id
LEFT JOIN crm.preference ON preference.customer_id = custody.customer_id
WHERE device_id = ANY(%s)
"""
_CONTRACT = f"""
SELECT device_id, {_ms("valid_from")} AS from_ms, {_ms("valid_to")} AS to_ms, contract_no, kind, country
FROM billing.contract WHERE device_id = ANY(%s) ORDER BY contract_no
"""
_PRICE = f"""
SELECT country, {_ms("valid_from")} AS from_ms, currency, energy_per_kwh, water_per_m3
FROM billing.utility_price WHERE valid_from < 'infinity'
"""
_CONSENT = f"""
SELECT DISTINCT held.device_id, {_ms("granted_at")} AS from_ms, {_ms("withdrawn_at")} AS to_ms, customer_id, purpose
FROM (SELECT DISTINCT device_id, customer_id FROM crm.custody WHERE device_id = ANY(%s)) AS held
JOIN crm.consent USING (customer_id)
WHERE consent.device_id IS NULL OR consent.device_id = held.device_id
"""


def read_rows(connection: Connection, wanted: dict[str, Collection[str]]) -> Rows:
    """Rows of the devices wanted, by kind of reference. Inside one transaction they are of one moment."""

    def ask(kind: str, query: str) -> list[dict[str, Any]]:
        devices = wanted.get(kind, ())
        return connection.execute(query.encode(), [list(devices)]).fetchall() if devices else []

    contracts = ask("contract", _CONTRACT)
    prices = connection.execute(_PRICE.encode()).fetchall() if contracts else []
    return Rows(
        {row["device_id"]: row for row in ask("device", _DEVICE)},
        _grouped(ask("custody", _CUSTODY), "device_id"),
        _grouped(contracts, "device_id"),
        _grouped(ask("consent", _CONSENT), "device_id"),
        _grouped(prices, "country"),
    )


def _grouped(rows: Iterable[Row], by: str) -> dict[str, list[Row]]:
    groups: defaultdict[str, list[Row]] = defaultdict(list)
    for row in rows:
        groups[row[by]].append(row)
    return dict(groups)
