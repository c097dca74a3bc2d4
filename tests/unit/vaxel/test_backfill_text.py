"""What a backfill tells people of money."""

from __future__ import annotations

from decimal import Decimal

import pytest

from streams.history_report import FieldChange, Money, Report
from vaxel.backfill_text import Done, as_json, text_lines


def done(report: Report | None = None, currency: str = "EUR", **money: tuple[str, str]) -> Done:
    report = report or Report()
    for what, (before, after) in money.items():
        report.money[currency, what] = Money(Decimal(before), Decimal(after))
    return Done("2026-05-01", "2026-06-01", "1", "abc", 7, {"washer": report}, 1.0, None)


def test_money_shows_what_is_to_be_paid_otherwise_and_no_more() -> None:
    told = done(energy=("10.00", "10.004"), water=("3.20", "1.10"), pay_per_wash=("1.20", "1.20"))
    shown = [line.split() for line in text_lines(told) if "EUR" in line]
    assert shown == [["EUR", "water", "3.20", "1.10", "-2.10"]]
    assert [row["for"] for row in as_json(told)["products"]["washer"]["money"]] == ["energy", "pay_per_wash", "water"]


@pytest.mark.parametrize(
    ("currency", "before", "after", "shown"),
    [
        ("EUR", "1.005", "2.0149", ["1.00", "2.01", "1.01"]),
        ("EUR", "1.015", "1.025", ["1.02", "1.02", "0.00"]),
        ("JPY", "1200.4", "1000.6", ["1200", "1001", "-199"]),
        ("KWD", "1.2345", "0", ["1.234", "0.000", "-1.234"]),
        ("XQZ", "1.234", "0", ["1.23", "0.00", "-1.23"]),
    ],
)
def test_a_row_of_money_adds_up_as_shown_in_the_coins_of_its_currency(
    currency: str, before: str, after: str, shown: list[str]
) -> None:
    told = done(currency=currency, energy=(before, after))
    (row,) = as_json(told)["products"]["washer"]["money"]
    assert [row["before"], row["after"], row["difference"]] == shown
    lines = [line.split()[2:] for line in text_lines(told) if f"  {currency} " in line]
    assert [[cell.replace(",", "").lstrip("+") for cell in line] for line in lines] == (
        [shown] if Decimal(shown[2]) else []
    )


def test_how_much_later_sessions_end_is_told_in_milliseconds_and_when_as_instants() -> None:
    report = Report()
    ends_ms = ("w-1:5", 1_777_817_000_000, 1_777_819_000_000)
    report.fields["ended_at_ms"] = FieldChange(2, 2_500_001, 2_000_000, [ends_ms])
    report.fields["energy_wh"] = FieldChange(1, 0.5, 0.5, [("w-1:5", 1.0, 1.5)])
    told = [line.split() for line in text_lines(done(report))]
    (row,) = (line for line in told if "ended_at_ms" in line)
    assert row[:6] == ["ended_at_ms", "[ms]", "2", "+2,500,001", "+2,000,000", "w-1:5:"]
    assert " ".join(row[6:]) == "2026-05-03 14:03:20.000Z -> 2026-05-03 14:36:40.000Z"
    assert ["energy_wh", "[Wh]", "1", "+0.5", "+0.5", "w-1:5:", "1", "->", "1.5"] in told


def test_that_no_money_changes_is_said() -> None:
    assert "  money: what is to be paid stays the same to the last coin" in list(
        text_lines(done(water=("1.20", "1.20")))
    )
    assert not [line for line in text_lines(done()) if "money" in line]
