"""Billing's part of seeding: contracts, prices, the first period, and what utilities ask where units are used."""

from __future__ import annotations

from datetime import date

from schemas.records import BY_NAME, CONTRACT, UTILITY_PRICE
from sinks.records.assortment import utility_prices
from sinks.records.billing import seed_prices
from sinks.records.database import Connection
from sinks.records.seeded import CustodyNews, Held
from sinks.records.seeding_rows import Row, add, each


def seed_billing(connection: Connection, news: CustodyNews, first_period: date) -> dict[str, int]:
    """Rows added or changed, by table.

    Args:
        first_period: First day of the first month that is billed.
    """
    priced = {
        name: add(connection, BY_NAME[name], " ".join(BY_NAME[name].column_names), rows)
        for name, rows in seed_prices.rows(first_period).items()
    }
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
        **priced,
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
