"""Lines of open periods: whatever came when, and whenever was closed, all periods together bill what use costs."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.errors import UsageError
from sinks.records.billing.lines import Billed, Line, MonthOfUse, Periods, lines
from sinks.records.billing.months import month_of
from sinks.records.billing.rating import RatedSession, rate, root_of
from sinks.records.billing.terms import Tariff
from tests.unit.records.billing.billed import JUNE, MAY, contract, may, price, session, tariff

JULY = date(2026, 7, 1)


@dataclass
class Bill:
    """Billing as it would go: what the lake knows, what open periods hold, what closed ones do."""

    terms: Tariff = field(default_factory=tariff)
    sessions: dict[str, RatedSession] = field(default_factory=dict)
    held: dict[str, Line] = field(default_factory=dict)
    closed: set[date] = field(default_factory=set)
    billed: list[Billed] = field(default_factory=list)
    price_version: str = "p1"
    as_of: date = MAY

    @property
    def periods(self) -> Periods:
        return Periods(MAY, frozenset(self.closed))

    def months(self) -> list[MonthOfUse]:
        by_month: dict[date, list[RatedSession]] = {month: [] for month in (MAY, JUNE, JULY) if month <= self.as_of}
        for one in self.sessions.values():
            month = month_of(datetime.fromtimestamp(one.ended_at_ms / 1000, UTC).date())
            if month in by_month:
                by_month[month].append(one)
        return [
            MonthOfUse(
                "ct-wm-1-1", "cu-1", month, "SEK", rate(contract(), self.terms, found, month), tuple(found),
                root_of(found), "c1", self.price_version,
            )
            for month, found in by_month.items()
        ]  # fmt: skip

    def plan(self) -> list[Line]:
        return lines(self.months(), self.billed, self.periods)

    def apply(self) -> None:
        self.held = {line.line_no: line for line in self.plan()}

    def close(self) -> None:
        period = self.periods.earliest_open
        for number in [number for number, line in self.held.items() if line.period == period]:
            line = self.held.pop(number)
            self.billed.append(
                Billed(
                    number, "ct-wm-1-1", "cu-1", period, line.of.usage_period, line.component, line.quantity, line.unit,
                    line.amount, "SEK", line.of.contract_version, line.of.price_version,
                )
            )  # fmt: skip
        self.closed.add(period)


def test_while_its_month_is_open_a_line_is_the_draft_without_a_reason() -> None:
    bill = Bill(sessions={"1": session(1, may(3)), "2": session(2, may(4))})
    (line,) = bill.plan()
    assert (line.line_no, line.amount, line.reason) == ("ct-wm-1-1/2026-05/2026-05/usage", Decimal(20), None)


def test_late_usage_is_a_line_of_its_own_in_the_open_period_with_the_reason() -> None:
    bill = Bill(sessions={"1": session(1, may(3))}, as_of=JUNE)
    bill.apply()
    bill.close()
    assert bill.plan() == []
    bill.sessions |= {"2": session(2, may(4)), "3": session(3, may(5)), "4": session(4, may(6))}
    (line,) = bill.plan()
    assert (line.line_no, line.quantity, line.amount) == ("ct-wm-1-1/2026-05/2026-06/usage", Decimal(3), Decimal(30))
    assert line.reason == "late usage of 2026-05: 3 washes more"


def test_what_was_billed_too_much_is_given_back_with_the_reason() -> None:
    bill = Bill(sessions={"1": session(1, may(3)), "2": session(2, may(4))}, as_of=JUNE)
    bill.apply()
    bill.close()
    bill.sessions["2"] = replace(bill.sessions["2"], version=2, waived="wv-1")
    (line,) = bill.plan()
    assert (line.quantity, line.amount, line.reason) == (
        Decimal(-1),
        Decimal(-10),
        "correction of 2026-05: 1 wash fewer",
    )


def test_a_price_that_was_corrected_after_the_close_says_so() -> None:
    bill = Bill(sessions={"1": session(1, may(3))}, as_of=JUNE)
    bill.apply()
    bill.close()
    bill.terms, bill.price_version = tariff(price("9.50")), "p2"
    (line,) = bill.plan()
    assert (line.quantity, line.amount, line.reason) == (Decimal(0), Decimal("-0.50"), "price corrected of 2026-05")


def test_late_usage_takes_back_of_the_minimum_what_it_fills() -> None:
    bill = Bill(tariff(price("10", minimum_charge="25")), {"1": session(1, may(3))}, as_of=MAY)
    bill.apply()
    bill.close()
    bill.sessions["2"] = session(2, may(4))
    assert {line.component: line.amount for line in bill.plan()} == {"usage": Decimal(10), "minimum": Decimal(-10)}


def test_a_contract_that_is_paid_for_no_more_gets_back_what_was_billed() -> None:
    bill = Bill(sessions={"1": session(1, may(3))})
    bill.apply()
    bill.close()
    (line,) = lines([], bill.billed, bill.periods)
    assert (line.amount, line.unit, line.of.contract_version) == (Decimal(-10), "wash", None)
    assert line.reason == "correction of 2026-05: the contract is paid for no more"


def test_another_currency_than_was_billed_is_refused() -> None:
    bill = Bill(sessions={"1": session(1, may(3))})
    bill.apply()
    bill.close()
    (month,) = bill.months()
    with pytest.raises(UsageError, match="was billed in SEK"):
        lines([replace(month, currency="EUR")], bill.billed, bill.periods)


moves = st.one_of(
    st.tuples(st.just("used"), st.integers(0, 11), st.integers(0, 91), st.sampled_from([None, "wv-1"])),
    st.tuples(st.just("withdrawn"), st.integers(0, 11)),
    st.tuples(st.just("price"), st.sampled_from(["7.333333", "10", "12.005"])),
    st.tuples(st.just("applied")),
    st.tuples(st.just("closed")),
)


@given(st.lists(moves, max_size=40))
def test_all_periods_together_bill_what_use_costs_at_the_end(history: list[tuple[object, ...]]) -> None:
    """On time, late or corrected; whatever was applied before whichever close, even nothing."""
    bill = Bill(tariff(price("10", base_fee="12.50", included_qty="2", minimum_charge="40")), as_of=JULY)
    for move in history:
        match move:
            case ("used", int(number), int(day), str() | None as waived):
                at = datetime(2026, 5, 1, 12, tzinfo=UTC) + timedelta(days=day)
                bill.sessions[str(number)] = session(number, at, waived=waived)
            case ("withdrawn", int(number)):
                bill.sessions.pop(str(number), None)
            case ("price", str(unit_price)):
                new = price(unit_price, base_fee="12.50", included_qty="2", minimum_charge="40")
                bill.terms, bill.price_version = tariff(new), unit_price
            case ("applied",):
                bill.apply()
            case ("closed",):
                bill.close()
    bill.apply()
    together = [line.amount for line in bill.billed] + [line.amount for line in bill.held.values()]
    wanted = sum((total.amount for month in bill.months() for total in month.totals.values()), Decimal(0))
    assert sum(together, Decimal(0)) == wanted
    assert {line.line_no: line for line in bill.plan()} == bill.held
    assert all(line.period not in bill.closed for line in bill.held.values())
    assert all((line.reason is None) == (line.period == line.of.usage_period) for line in bill.held.values())
    # After everything is closed nothing is left to bill.
    while bill.held:
        bill.close()
    assert bill.plan() == []
