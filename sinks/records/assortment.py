"""What ERP holds of products, plants, units and spare parts, and billing of prices where they are used. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from random import Random

from schemas.catalogue import SHOES, WASHERS
from schemas.fleet import FleetDevice, Product
from sinks.records.values import Value

PLANTS = (("1010", "Norrköping washers", "SE"), ("1020", "Brno washers", "CZ"), ("2010", "Porto shoes", "PT"))
_PLANT_OF_MATERIAL = {"WM-6010": "1020", "WM-7020": "1020"} | {shoe.material: "2010" for shoe in SHOES}
_MAIN_PLANT = "1010"

LIST_PRICE_EUR = {
    "WM-6010": Decimal("429.00"),
    "WM-7020": Decimal("549.00"),
    "WM-8030": Decimal("699.00"),
    "WM-9040": Decimal("899.00"),
    "WM-1150": Decimal("1090.00"),
    "SH-110": Decimal("129.00"),
    "SH-220": Decimal("159.00"),
    "SH-330": Decimal("219.00"),
    "SH-440": Decimal("169.00"),
}


@dataclass(frozen=True, slots=True)
class SparePart:
    """A part of a product that wears or breaks.

    Attributes:
        stock_qty: Pieces that service has of it.
        per_unit_year: How many a unit in the field needs in a year, as planners have it from earlier models.
    """

    part: str
    description: str
    product: Product
    list_price: Decimal
    pack_qty: int
    stock_qty: int
    per_unit_year: float


SPARE_PARTS = (
    SparePart("SP-1001", "Drum bearing, set", "washer", Decimal("64.00"), 4, 38, 0.012),
    SparePart("SP-1002", "Heater", "washer", Decimal("41.50"), 5, 60, 0.018),
    SparePart("SP-1003", "Drain pump", "washer", Decimal("33.90"), 10, 120, 0.024),
    SparePart("SP-1004", "Shock absorbers, pair", "washer", Decimal("28.00"), 2, 44, 0.010),
    SparePart("SP-1005", "Door seal", "washer", Decimal("22.40"), 1, 25, 0.015),
    SparePart("SP-2001", "Pod", "shoe", Decimal("35.00"), 20, 140, 0.030),
    SparePart("SP-2002", "Insoles, pair", "shoe", Decimal("14.90"), 10, 200, 0.080),
)

_UTILITY_PRICES = {
    "SE": ("SEK", "1.85", "52.00"),
    "DE": ("EUR", "0.38", "4.60"),
    "GB": ("GBP", "0.27", "4.10"),
    "FI": ("EUR", "0.19", "4.40"),
    "US": ("USD", "0.17", "3.90"),
    "JP": ("JPY", "31.00", "280.00"),
}
"""Invented, but about what households paid per kWh and m³ in 2025, taxes and waste water included."""
_PRICES_FROM = datetime(2025, 1, 1, tzinfo=UTC)
_PRICES_RISE = (datetime(2026, 1, 1, tzinfo=UTC), Decimal("1.04"))

_IN_STOCK_DAYS = (7, 120)
"""A unit is entered in ERP when it is made, so many days before its sale."""


def materials() -> list[tuple[Value, ...]]:
    washers = [
        (
            model.material,
            model.name,
            "washer",
            Decimal(str(model.labels["eco"].energy_wh)),
            LIST_PRICE_EUR[model.material],
        )
        for model in WASHERS
    ]
    return [*washers, *((model.material, model.name, "shoe", None, LIST_PRICE_EUR[model.material]) for model in SHOES)]


def plant_of(material: str) -> str:
    """Where units of that model are made."""
    return _PLANT_OF_MATERIAL.get(material, _MAIN_PLANT)


def spare_parts() -> list[tuple[Value, ...]]:
    """As ERP has them."""
    return [(own.part, own.description, own.product, own.list_price, own.pack_qty) for own in SPARE_PARTS]


def parts_in_stock() -> list[tuple[Value, ...]]:
    """As service has them."""
    return [(own.part, own.description, own.stock_qty) for own in SPARE_PARTS]


def serial_number(device: FleetDevice) -> tuple[Value, ...]:
    made = Random(f"{device.device_id}/made")
    sold = datetime(device.sold_on.year, device.sold_on.month, device.sold_on.day, tzinfo=UTC)
    registered_at = sold - timedelta(days=made.randint(*_IN_STOCK_DAYS), minutes=made.randrange(24 * 60))
    return device.device_id, device.material, device.sold_on, plant_of(device.material), registered_at


def utility_prices() -> list[tuple[Value, ...]]:
    later, factor = _PRICES_RISE
    cent = Decimal("0.01")
    return [
        (country, begin, currency, *((Decimal(price) * times).quantize(cent) for price in (energy, water)))
        for country, (currency, energy, water) in _UTILITY_PRICES.items()
        for begin, times in ((_PRICES_FROM, Decimal(1)), (later, factor))
    ]
