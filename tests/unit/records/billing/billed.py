"""Contracts, prices and sessions for the tests of billing."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

from sinks.records.billing.rating import RatedSession
from sinks.records.billing.terms import ContractTerms, Price, Tariff, Tier

MAY = date(2026, 5, 1)
JUNE = date(2026, 6, 1)


def contract(
    kind: str = "pay_per_wash",
    country: str = "SE",
    valid_from: datetime = datetime(2026, 1, 1, tzinfo=UTC),
    valid_to: datetime | None = None,
) -> ContractTerms:
    return ContractTerms("ct-wm-1-1", "wm-1", kind, country, valid_from, valid_to)


def price(
    unit_price: str = "10",
    *,
    base_fee: str = "0",
    included_qty: str = "0",
    minimum_charge: str = "0",
    valid_from: date = date(2026, 1, 1),
    currency: str = "SEK",
    unit: str = "wash",
    kind: str = "pay_per_wash",
    country: str = "SE",
) -> Price:
    return Price(
        kind,
        country,
        valid_from,
        currency,
        unit,
        Decimal(base_fee),
        Decimal(included_qty),
        Decimal(unit_price),
        Decimal(minimum_charge),
    )


def tariff(*prices: Price, tiers: tuple[tuple[str, str], ...] = ()) -> Tariff:
    return Tariff(prices or (price(),), tuple(Tier(Decimal(a), Decimal(b)) for a, b in tiers), ())


def session(number: int, day: datetime, quantity: str = "1", waived: str | None = None) -> RatedSession:
    return RatedSession(f"wm-1:{number}", 1, int(day.timestamp() * 1000), Decimal(quantity), waived)


def may(day: int, hour: int = 12) -> datetime:
    return datetime(2026, 5, day, hour, tzinfo=UTC)
