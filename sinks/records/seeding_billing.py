"""Billing's part of seeding: contracts, and prices where they are used."""

from __future__ import annotations

from schemas.records import CONTRACT, UTILITY_PRICE
from sinks.records.assortment import utility_prices
from sinks.records.database import Connection
from sinks.records.seeded import CustodyNews, Held
from sinks.records.seeding_rows import Row, add, each


def seed_billing(connection: Connection, news: CustodyNews) -> dict[str, int]:
    """Rows added or changed, by table."""
    return {
        UTILITY_PRICE.full_name: add(
            connection, UTILITY_PRICE, "country valid_from currency energy_per_kwh water_per_m3", utility_prices()
        ),
        CONTRACT.full_name: _end_contracts(connection, news)
        + add(
            connection,
            CONTRACT,
            "contract_no device_id customer_id kind country valid_from valid_to",
            map(_contract, news.added),
        ),
    }


def _contract(own: Held) -> Row:
    return (
        own.contract_no,
        own.device_id,
        own.customer_id,
        own.contract_kind,
        own.country,
        own.from_at,
        own.to_at,
    )


def _end_contracts(connection: Connection, news: CustodyNews) -> int:
    return each(
        connection,
        "UPDATE billing.contract SET valid_to = %s WHERE device_id = %s AND valid_to IS NULL AND valid_from < %s",
        [(end, device_id, end) for (device_id, _), end in news.ended.items()],
    )
