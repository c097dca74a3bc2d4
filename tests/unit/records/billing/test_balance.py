"""All invoices together are held against what use costs."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

from sinks.records.billing.balance import Balance, balance
from tests.unit.records.billing.billed import JUNE, MAY, may
from tests.unit.records.billing.tables import as_held, contract_row, lines_of, produced, records, session_row

ROWS = (contract_row(as_of=datetime(2026, 6, 2, tzinfo=UTC)), session_row("a", may(3)), session_row("b", may(4)))


def test_closed_and_open_periods_together_balance_whatever_was_credited() -> None:
    billed = as_held(lines_of(produced(*ROWS[:2]), records()))
    late = as_held(lines_of(produced(*ROWS), records(billed, closed=[MAY])))
    credit = billed[0] | {"line_no": "z", "component": "credit", "amount": Decimal(-5), "period": JUNE}
    assert balance(produced(*ROWS), records([*billed, *late, credit], closed=[MAY])) == Balance(2, [])


def test_a_cent_too_much_and_a_line_too_few_are_told() -> None:
    (line,) = as_held(lines_of(produced(*ROWS), records()))
    cent = line | {"amount": line["amount"] + Decimal("0.01")}
    found = balance(produced(*ROWS), records([cent]))
    assert found.differences == ["contract ct-1, usage of 2026-05: 25.01 is billed, 25.00 is owed"]
    assert len(balance(produced(*ROWS), records()).differences) == 1
    assert len(balance(produced(ROWS[0]), records([line])).differences) == 1


def test_a_month_that_is_left_aside_is_neither_counted_nor_told() -> None:
    assert balance(produced(*ROWS), records(), {("ct-1", MAY)}) == Balance(1, [])
    assert balance(produced(*ROWS), records(), {("ct-2", MAY), ("ct-1", JUNE)}).months == 1
