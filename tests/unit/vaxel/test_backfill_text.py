"""What a backfill tells people of money."""

from __future__ import annotations

from decimal import Decimal

from streams.history_report import Money, Report
from vaxel.backfill_text import Done, as_json, text_lines


def done(**money: tuple[str, str]) -> Done:
    report = Report()
    for what, (before, after) in money.items():
        report.money["EUR", what] = Money(Decimal(before), Decimal(after))
    return Done("2026-05-01", "2026-06-01", "1", "abc", 7, {"washer": report}, 1.0, None)


def test_money_shows_what_is_to_be_paid_otherwise_and_no_more() -> None:
    told = done(energy=("10.00", "10.004"), water=("3.20", "1.10"), pay_per_wash=("1.20", "1.20"))
    shown = [line.split() for line in text_lines(told) if "EUR" in line]
    assert shown == [["EUR", "water", "3.20", "1.10", "-2.10"]]
    assert [row["for"] for row in as_json(told)["products"]["washer"]["money"]] == ["energy", "pay_per_wash", "water"]


def test_that_no_money_changes_is_said() -> None:
    assert "  money: what is to be paid stays the same to the cent" in list(text_lines(done(water=("1.20", "1.20"))))
    assert not [line for line in text_lines(done()) if "money" in line]
