"""What a month of use costs, held against a plain calculation with fractions."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from math import ceil
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sinks.records.billing.rating import RatedSession, Total, rate, rounded, valid_days
from sinks.records.billing.terms import Price, Tier
from tests.unit.records.billing.billed import JUNE, MAY, contract, may, price, session, tariff


def _amounts(totals: object) -> dict[str, Decimal]:
    assert isinstance(totals, dict)
    return {component: total.amount for component, total in totals.items()}


def test_each_wash_costs_its_price_and_a_waived_one_nothing() -> None:
    sessions = [session(1, may(3)), session(2, may(4)), session(3, may(5), waived="wv-1")]
    totals = rate(contract(), tariff(price("10.25")), sessions, MAY)
    assert totals["usage"] == Total(Decimal(2), "wash", Decimal("20.50"))
    assert totals["minimum"].amount == 0


def test_what_is_included_is_used_up_in_the_order_of_the_ends() -> None:
    dearer = price("20", included_qty="1", valid_from=date(2026, 5, 10))
    both = tariff(price("10", included_qty="1"), dearer)
    totals = rate(contract(), both, [session(1, may(20)), session(2, may(2)), session(3, may(3))], MAY)
    assert totals["usage"].amount == Decimal(30)


def test_a_price_that_changes_within_the_month_holds_from_its_local_day_on() -> None:
    dearer = price("20", valid_from=date(2026, 5, 10))
    just_before = session(1, datetime(2026, 5, 9, 21, 59, tzinfo=UTC))
    just_after = session(2, datetime(2026, 5, 9, 22, 0, tzinfo=UTC))  # midnight in Stockholm
    assert rate(contract(), tariff(price("10"), dearer), [just_before], MAY)["usage"].amount == 10
    assert rate(contract(), tariff(price("10"), dearer), [just_after], MAY)["usage"].amount == 20


def test_tiers_are_graduated_above_what_is_included() -> None:
    terms = tariff(price("10", included_qty="2"), tiers=(("3", "5"), ("5", "1")))
    sessions = [session(number, may(number)) for number in range(1, 11)]
    # 8 paid: 3 at 10, 2 at 5, 3 at 1
    assert rate(contract(), terms, sessions, MAY)["usage"].amount == 30 + 10 + 3


def test_base_fee_and_minimum_go_by_the_days_of_the_contract() -> None:
    half = contract(valid_from=may(16, hour=12))  # 16 of 31 days
    totals = rate(half, tariff(price("10", base_fee="31", minimum_charge="62", included_qty="3.1")), [], MAY)
    assert totals["base"] == Total(Decimal("0.516129"), "month", Decimal("16.00"))
    assert totals["minimum"].amount == Decimal("16.00")


def test_a_part_of_a_month_includes_its_part_in_whole_units() -> None:
    half = contract(valid_from=may(16))
    sessions = [session(number, may(20, number)) for number in range(3)]
    totals = rate(half, tariff(price("10", included_qty="3")), sessions, MAY)  # 1.55 of 3: two
    assert totals["usage"].amount == 10


def test_half_a_coin_goes_to_the_even_one_and_yen_have_no_parts() -> None:
    assert rounded(Decimal("0.125"), "SEK") == Decimal("0.12")
    assert rounded(Decimal("0.135"), "SEK") == Decimal("0.14")
    assert rounded(Decimal("150.5"), "JPY") == Decimal(150)


@pytest.mark.parametrize(
    ("begin", "end", "days"),
    [
        (datetime(2026, 1, 1, tzinfo=UTC), None, 31),
        (datetime(2026, 5, 31, 21, 59, tzinfo=UTC), None, 1),
        (datetime(2026, 5, 31, 22, 0, tzinfo=UTC), None, 0),  # midnight in Stockholm
        (datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 4, 30, 22, 0, tzinfo=UTC), 0),
        (datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 4, 30, 22, 1, tzinfo=UTC), 1),
        (may(3), may(3, 13), 1),
    ],
)
def test_a_day_counts_when_the_contract_was_valid_at_some_time_of_it(
    begin: datetime, end: datetime | None, days: int
) -> None:
    assert valid_days(contract(valid_from=begin, valid_to=end), MAY) == days


amounts = st.decimals(0, 50, places=3)
quantities = st.decimals(0, 30, places=3)


@given(
    st.lists(st.tuples(st.integers(0, (31 * 24 - 1) * 60 - 1), quantities, st.booleans()), max_size=25),
    st.tuples(amounts, amounts, amounts),
    st.tuples(amounts, amounts, quantities),
    st.lists(st.tuples(st.integers(1, 80), amounts), max_size=3, unique_by=lambda tier: tier[0]),
    st.integers(0, 30),
    st.sampled_from(["EUR", "JPY"]),
    st.randoms(use_true_random=False),
)
def test_totals_are_those_of_a_plain_calculation(
    used: list[tuple[int, Decimal, bool]],
    unit_prices: tuple[Decimal, Decimal, Decimal],
    fees: tuple[Decimal, Decimal, Decimal],
    tiers: list[tuple[int, Decimal]],
    first_day: int,
    currency: str,
    order: Random,
) -> None:
    begin = datetime(2026, 5, 1, tzinfo=UTC)
    base_fee, minimum, included = fees
    days = (date(2026, 5, 1), date(2026, 5, 11), date(2026, 5, 21))
    prices = [
        Price("pay_per_km", "GB", day, currency, "km", base_fee, included, unit_price, minimum)
        for day, unit_price in zip(days, unit_prices, strict=True)
    ]
    terms = tariff(*prices)
    terms = type(terms)(
        terms.prices, tuple(sorted((Tier(Decimal(a), b) for a, b in tiers), key=lambda tier: tier.from_qty)), ()
    )
    sessions = [
        RatedSession(f"s{number:03}", 1, int((begin + timedelta(minutes=minute)).timestamp() * 1000), quantity, waived)
        for number, (minute, quantity, is_waived) in enumerate(used)
        for waived in ("wv-1" if is_waived else None,)
    ]
    shuffled = list(sessions)
    order.shuffle(shuffled)
    of = contract("pay_per_km", "GB", valid_from=datetime(2026, 5, 1 + first_day, tzinfo=UTC))
    totals = rate(of, terms, shuffled, MAY)
    wanted = _oracle(sessions, [Fraction(p) for p in unit_prices], fees, sorted(tiers), 31 - first_day, currency)
    assert [Fraction(totals[name].amount) for name in ("base", "usage", "minimum")] == wanted
    assert totals == rate(of, terms, sessions, MAY)


def _oracle(
    sessions: list[RatedSession],
    unit_prices: list[Fraction],
    fees: tuple[Decimal, Decimal, Decimal],
    tiers: list[tuple[int, Decimal]],
    days: int,
    currency: str,
) -> list[Fraction]:
    coins = 1 if currency == "JPY" else 100
    base_fee, minimum, included = map(Fraction, fees)
    share = Fraction(days, 31)
    free = included if days == 31 else Fraction(ceil(included * share))
    charged = sorted((s.ended_at_ms, s.session_id, Fraction(s.quantity)) for s in sessions if s.waived is None)
    metres = cost = Fraction(0)
    steps = [(Fraction(0), unit_prices[0]), *((Fraction(a), Fraction(b)) for a, b in tiers)]
    zone = timedelta(hours=1)  # British summer time
    for ended_at_ms, _, quantity in charged:
        day = (datetime.fromtimestamp(ended_at_ms / 1000, UTC) + zone).day
        own = unit_prices[0 if day < 11 else 1 if day < 21 else 2]
        # Millimetre by millimetre would be plainer still; a session is cut where another price begins instead.
        left, right = max(metres, free), max(metres + quantity, free)
        if tiers:
            for number, (begin, unit_price) in enumerate(steps):
                end = steps[number + 1][0] if number + 1 < len(steps) else Fraction(10**9)
                cost += max(Fraction(0), min(right - free, end) - max(left - free, begin)) * unit_price
        else:
            cost += (right - left) * own
        metres += quantity
    base, usage = round(base_fee * share * coins), round(cost * coins)
    least = round(minimum * share * coins)
    return [Fraction(base, coins), Fraction(usage, coins), Fraction(max(0, least - base - usage), coins)]


def test_the_month_that_follows_is_another_one() -> None:
    assert rate(contract(), tariff(price(base_fee="30")), [], JUNE)["base"].amount == 30
