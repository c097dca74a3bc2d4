"""Prices as record systems may tell them, and what advice makes of them."""

from __future__ import annotations

from dataclasses import replace

import pytest
from pydantic import ValidationError

from schemas.reference import MOST_PRICE, ContractReference
from streams.desk.advice_texts import Reader, title_and_text
from streams.desk.advice_washer import cycle_cost
from tests.unit.streams.desk.advice_cases import MATERIAL, PRICES, cycles
from tests.unit.streams.desk.building import contracts

READER = Reader("de", "DE", "Europe/Berlin")
GREATEST_WH = 3e38
"""About the most that the state can hold."""


@pytest.mark.parametrize("name", ["energy_price_per_kwh", "water_price_per_m3"])
def test_a_price_of_more_than_a_million_is_none(name: str) -> None:
    told = contracts((0, None)).model_dump()
    assert ContractReference.model_validate({**told, name: [MOST_PRICE]})
    with pytest.raises(ValidationError, match="less than or equal to 1000000"):
        ContractReference.model_validate({**told, name: [MOST_PRICE * 1.01]})


@pytest.mark.parametrize("price", [MOST_PRICE, 1.0, 1e-9, 1e-300, 5e-324])
def test_what_a_wash_cost_can_be_written_at_any_price(price: float) -> None:
    prices = replace(PRICES, energy_price_per_kwh=price, water_price_per_m3=price, currency="JPY")
    found = cycle_cost(cycles(), MATERIAL, prices, 0)
    assert found is not None
    assert "¥" in title_and_text(found, READER)[1]


@pytest.mark.parametrize("price", [1.0, MOST_PRICE, 1e300])
def test_nothing_is_said_of_what_cannot_have_been_drawn(price: float) -> None:
    prices = replace(PRICES, energy_price_per_kwh=price)
    assert cycle_cost(cycles(energy_wh=GREATEST_WH), MATERIAL, prices, 0) is None
