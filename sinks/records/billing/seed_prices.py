"""What billing holds of prices before anything is billed: believable ones, of each kind and country. Pure.

Each shoe of a pair has a contract of its own, so a kilometre's price is that of one shoe. Prices rise once, in June
2026; use above a threshold costs less in countries with tiers.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Final

from schemas.record_billing import PERIOD, PRICE, PRICE_TIER, WAIVER_RULE
from sinks.records.values import Value

FIRST_PERIOD: Final = date(2026, 5, 1)
"""The seed's first month."""

_RATES: Final = {
    # currency, coin, what a euro is in it
    "SE": ("SEK", "0.01", "11"),
    "DE": ("EUR", "0.01", "1"),
    "GB": ("GBP", "0.01", "0.85"),
    "FI": ("EUR", "0.01", "1"),
    "US": ("USD", "0.01", "1.1"),
    "JP": ("JPY", "1", "160"),
}
_OLD: Final = date(2024, 1, 1)
_NEW: Final = date(2026, 6, 1)
_RISE: Final = Decimal("1.04")
_TIERED: Final = ("SE", "DE", "JP")

_EUROS: Final = {
    # unit, base fee, included, unit price, minimum, (from quantity, unit price) of tiers
    "pay_per_wash": ("wash", "0", "0", "1.20", "6.00", (("20", "1.00"), ("40", "0.85"))),
    "pay_per_km": ("km", "1.50", "10", "0.045", "0", (("100", "0.035"),)),
    "flat": ("", "19.00", "30", "0.50", "0", ()),
}
_WAIVERS: Final = (
    ("wv-1", None, "power_cut", "The power failed in the middle of it"),
    ("wv-2", None, "unfinished", "It was over before it had spun"),
)


def rows(first_period: date = FIRST_PERIOD) -> Mapping[str, list[tuple[Value, ...]]]:
    """Rows to add, by table, in the order of the tables' columns.

    Args:
        first_period: First day of the first month that is billed.
    """
    prices: list[tuple[Value, ...]] = []
    tiers: list[tuple[Value, ...]] = []
    for kind, (unit, base, included, unit_price, minimum, steps) in _EUROS.items():
        for country, (currency, coin, rate) in _RATES.items():
            for valid_from, rise in ((_OLD, Decimal(1)), (_NEW, _RISE)):
                factor = Decimal(rate) * rise

                def fee(euros: str, factor: Decimal = factor, coin: str = coin) -> Decimal:
                    return (Decimal(euros) * factor).quantize(Decimal(coin))

                def price(euros: str, factor: Decimal = factor) -> Decimal:
                    return (Decimal(euros) * factor).quantize(Decimal("0.000001"))

                prices.append(
                    (
                        kind,
                        country,
                        valid_from,
                        currency,
                        unit,
                        fee(base),
                        Decimal(included),
                        price(unit_price),
                        fee(minimum),
                    )
                )
                if country in _TIERED:
                    tiers += [(kind, country, valid_from, Decimal(above), price(less)) for above, less in steps]
    return {
        PRICE.full_name: prices,
        PRICE_TIER.full_name: tiers,
        WAIVER_RULE.full_name: [
            (number, kind, anomaly, _OLD, None, meaning) for number, kind, anomaly, meaning in _WAIVERS
        ],
        PERIOD.full_name: [(first_period, "open", None, None)],
    }
