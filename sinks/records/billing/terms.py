"""Terms of a month: the contract, its prices, tiers and waivers; as JSON, whose SHA-256 is their version. Pure."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from schemas.errors import UsageError
from sinks.records.billing.months import name_of, next_month
from sinks.records.values import to_json


@dataclass(frozen=True, slots=True)
class ContractTerms:
    """What of a contract decides what use costs. [valid_from, valid_to)."""

    contract_no: str
    device_id: str
    kind: str
    country: str
    valid_from: datetime
    valid_to: datetime | None


@dataclass(frozen=True, slots=True)
class Price:
    """As `schemas.record_billing.PRICE`."""

    kind: str
    country: str
    valid_from: date
    currency: str
    unit: str
    base_fee: Decimal
    included_qty: Decimal
    unit_price: Decimal
    minimum_charge: Decimal


@dataclass(frozen=True, slots=True)
class Tier:
    """Above this quantity of paid use, up to the next tier's, a unit costs this."""

    from_qty: Decimal
    unit_price: Decimal


@dataclass(frozen=True, slots=True)
class Waiver:
    """As `schemas.record_billing.WAIVER_RULE`. [valid_from, valid_to)."""

    rule_no: str
    kind: str | None
    anomaly: str
    valid_from: date
    valid_to: date | None
    meaning: str


@dataclass(frozen=True, slots=True)
class Tariff:
    """Prices of one month.

    Attributes:
        prices: The one of the month's first day, and those that came within it, by day; if there was none on the first
            day, the first that came.
        tiers: Of the first price, by quantity; graduated.
        waivers: Rules that hold on some day of the month, by number.
    """

    prices: tuple[Price, ...]
    tiers: tuple[Tier, ...]
    waivers: tuple[Waiver, ...]

    @property
    def first(self) -> Price:
        """What base fee, included use, minimum, tiers, unit and currency of the month follow from."""
        return self.prices[0]

    def price_on(self, day: date) -> Price:
        """The price as of a day of the month."""
        return next((price for price in reversed(self.prices) if price.valid_from <= day), self.first)

    def waived_by(self, anomalies: Iterable[str], day: date) -> str | None:
        """Number of the first rule by which a session with these anomalies costs nothing."""
        found = frozenset(anomalies)
        return next(
            (
                rule.rule_no
                for rule in self.waivers
                if rule.anomaly in found and rule.valid_from <= day and (rule.valid_to is None or day < rule.valid_to)
            ),
            None,
        )


@dataclass(frozen=True)
class PriceList:
    """All that billing holds of prices; `tiers` by kind, country and first day of the price."""

    prices: Mapping[tuple[str, str], Sequence[Price]]
    tiers: Mapping[tuple[str, str, date], Sequence[Tier]]
    waivers: Sequence[Waiver]

    def tariff(self, kind: str, country: str, month: date) -> Tariff:
        """The month's prices.

        Raises:
            UsageError: There is none, or they are in two currencies or units.
        """
        end = next_month(month)
        known = sorted((p for p in self.prices.get((kind, country), ()) if p.valid_from < end), key=_first_day)
        if not known:
            raise UsageError(
                f"billing.price has none for {kind} in {country} in {name_of(month)}: add one that is valid then."
            )
        before = [price for price in known if price.valid_from <= month]
        prices = tuple(before[-1:] + [price for price in known if price.valid_from > month])
        if len({(price.currency, price.unit) for price in prices}) > 1:
            raise UsageError(
                f"billing.price for {kind} in {country} changes currency or unit within {name_of(month)}: "
                "it may only on the first day of a month."
            )
        tiers = sorted(self.tiers.get((kind, country, prices[0].valid_from), ()), key=_from_quantity)
        waivers = sorted(
            (
                rule
                for rule in self.waivers
                if rule.kind in (None, kind)
                and rule.valid_from < end
                and (rule.valid_to is None or rule.valid_to > month)
            ),
            key=_number,
        )
        return Tariff(prices, tuple(tiers), tuple(waivers))


def _first_day(price: Price) -> date:
    return price.valid_from


def _from_quantity(tier: Tier) -> Decimal:
    return tier.from_qty


def _number(rule: Waiver) -> str:
    return rule.rule_no


def plain(amount: Decimal) -> str:
    """The decimal's one text, without needless zeros.

    >>> plain(Decimal("10.500000")), plain(Decimal("100")), plain(Decimal("0.00"))
    ('10.5', '100', '0')
    """
    return format(amount.normalize(), "f") if amount else "0"


def as_json(terms: ContractTerms | Price | Tier | Waiver) -> dict[str, Any]:
    """The terms as a JSON object, decimals as plain texts."""
    return {
        name: plain(value) if isinstance(value, Decimal) else to_json(value)
        for name in type(terms).__slots__
        for value in (getattr(terms, name),)
    }


def tariff_json(tariff: Tariff) -> dict[str, Any]:
    return {
        "prices": [as_json(price) for price in tariff.prices],
        "tiers": [as_json(tier) for tier in tariff.tiers],
        "waivers": [as_json(rule) for rule in tariff.waivers],
    }


def canonical(value: Any) -> str:
    """The one JSON text of a value: no spaces, names in order."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True)


def version(value: Mapping[str, Any]) -> str:
    """SHA-256 of the terms' canonical JSON."""
    return hashlib.sha256(canonical(value).encode()).hexdigest()


def contract_from(found: Mapping[str, Any]) -> ContractTerms:
    """The terms that `as_json` was given. Raises KeyError, TypeError, ValueError where they are none."""
    end = found["valid_to"]
    return ContractTerms(
        str(found["contract_no"]),
        str(found["device_id"]),
        str(found["kind"]),
        str(found["country"]),
        datetime.fromisoformat(found["valid_from"]),
        None if end is None else datetime.fromisoformat(end),
    )


def tariff_from(found: Mapping[str, Any]) -> Tariff:
    """The tariff that `tariff_json` was given. Raises as `contract_from`, and decimal's InvalidOperation."""
    prices = tuple(
        Price(
            price["kind"],
            price["country"],
            date.fromisoformat(price["valid_from"]),
            price["currency"],
            price["unit"],
            *(Decimal(price[name]) for name in ("base_fee", "included_qty", "unit_price", "minimum_charge")),
        )
        for price in found["prices"]
    )
    if not prices:
        raise ValueError("no prices")
    tiers = tuple(Tier(Decimal(tier["from_qty"]), Decimal(tier["unit_price"])) for tier in found["tiers"])
    waivers = tuple(
        Waiver(
            rule["rule_no"],
            rule["kind"],
            rule["anomaly"],
            date.fromisoformat(rule["valid_from"]),
            None if rule["valid_to"] is None else date.fromisoformat(rule["valid_to"]),
            rule["meaning"],
        )
        for rule in found["waivers"]
    )
    return Tariff(prices, tiers, waivers)
