"""Limits of money hold in each currency by itself: a sum of two is of nothing."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from schemas.errors import UsageError
from sinks.records.gear import flow as flows
from sinks.records.gear.changes import Change, ChangeSet
from sinks.records.gear.flow import Approval
from sinks.records.gear.judge import judge
from sinks.records.gear.money import gates_of, most, moved_by_currency
from tests.unit.records.gear.judging import IN_USE, a_set, verdicts
from tests.unit.records.gear.sales import change, sales, situation


def of_money(*moves: tuple[str, int], **changed: Any) -> ChangeSet:
    """A set whose rows, one after the other, move so much of a currency."""
    changes: list[Change] = [
        change(f"M-{number}", before="0", after=str(amount), gates=gates_of(currency))
        for number, (currency, amount) in enumerate(moves)
    ]
    sums = moved_by_currency(changes, IN_USE)
    return a_set(*changes, money=most(sums), moved=sums, **changed)


def test_a_set_is_refused_by_what_moves_in_one_currency_and_not_by_all_together() -> None:
    flow = sales(money_field=IN_USE, limits={"max_money": Decimal(9), "max_money_per_day": Decimal(90)})
    assert judge(flow, of_money(("SEK", 6), ("EUR", 6), ("SEK", 3)), situation()).refused_because is None
    refused = judge(flow, of_money(("SEK", 6), ("EUR", 6), ("SEK", 4)), situation()).refused_because
    assert refused == "10 SEK would move, the flow's limit is 9"


def test_the_free_size_is_that_of_each_currency() -> None:
    flow = sales(money_field=IN_USE, approval=Approval(role="boss", free_rows=9, free_money=Decimal(5)))
    assert [one.decision for one in verdicts(flow, of_money(("SEK", 5), ("EUR", 5)))] == ["go", "go"]
    (first, _) = verdicts(flow, of_money(("SEK", 5), ("EUR", 6)))
    assert first.reason == "6 EUR would move, more than 5 need an approval of role boss"


def test_a_day_has_room_for_its_limit_in_each_currency() -> None:
    flow = sales(money_field=IN_USE, limits={"max_money": Decimal(90), "max_money_per_day": Decimal(10)})
    rows = of_money(("SEK", 4), ("SEK", 4), ("EUR", 8), ("NOK", 10), ("", 1))
    found = verdicts(flow, rows, money_today={"SEK": Decimal(5), "EUR": Decimal(1)})
    assert [one.decision for one in found] == ["go", "wait", "go", "go", "wait"]


def test_what_was_written_today_without_a_currency_counts_with_each() -> None:
    flow = sales(money_field=IN_USE, limits={"max_money": Decimal(90), "max_money_per_day": Decimal(10)})
    found = verdicts(flow, of_money(("SEK", 4), ("EUR", 3)), money_today={"": Decimal(7)})
    assert [one.decision for one in found] == ["wait", "go"]


@pytest.mark.parametrize(
    ("line", "instead", "told"),
    [
        ('money_currency_field = "currency"\n', "", "amount is of many currencies, and money_currency_field names no"),
        ('"currency"\n', '"coin"\n', "money_currency_field 'coin' is not one of key and fields"),
    ],
)
def test_a_flow_of_many_currencies_says_where_they_are_told(line: str, instead: str, told: str) -> None:
    folder = Path(str(flows.__file__)).parents[1] / "flows" / "billing.usage_line"
    declaration = (folder / "flow.toml").read_text("utf-8")
    assert line in declaration
    with pytest.raises(UsageError, match=told):
        flows.parse("billing.usage_line", declaration.replace(line, instead, 1), "select 1")
