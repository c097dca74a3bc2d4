"""What a day has moved is known in each currency by itself, the way back included."""

from __future__ import annotations

from decimal import Decimal

import pytest

from sinks.records.database import session
from sinks.records.gear.situation import situation
from tests.integration.records.billing.billing_house import House, make_house
from tests.integration.records.conftest import Lake

pytestmark = pytest.mark.postgres


@pytest.fixture
def house(lake: Lake, records_dsn: str) -> House:
    return make_house(lake, records_dsn)


def _today(house: House) -> dict[str, Decimal]:
    now = house.clock.now()
    with session(house.places.ledger) as ledger:
        known = situation(ledger, house.flow, (), {}, house.places, now, planned_at=now, approval_of=None)
    return dict(known.money_today)


def test_lines_and_their_way_back_move_the_currency_of_their_contract(house: House) -> None:
    house.billing("UPDATE billing.price SET currency = 'EUR' WHERE kind = 'pay_per_km'")
    assert _today(house) == {}
    planned = house.plan()
    assert planned.change_set.moved == {"EUR": Decimal("16.50"), "SEK": Decimal("92.40")}
    assert planned.change_set.money == Decimal("92.40")
    applied = house.carry(planned)
    assert _today(house) == {"EUR": Decimal("16.50"), "SEK": Decimal("92.40")}
    (back,) = house.undo(applied.change_set_id)
    house.carry(back)
    assert _today(house) == {"EUR": Decimal("33.00"), "SEK": Decimal("184.80")}


def test_a_credit_moves_the_currency_of_its_line(house: House) -> None:
    applied = house.shift()
    house.close()
    (back,) = house.undo(applied.change_set_id)
    assert {change.gates for change in back.change_set.changes} == {'{"currency":"SEK"}'}
    house.carry(back)
    assert _today(house) == {"SEK": 2 * Decimal("108.90")}
