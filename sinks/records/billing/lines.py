"""Invoice lines: of each month of use, what it costs now less what closed periods have billed of it. Pure.

While the month's own period is open, that is its draft line. After the close whatever comes is a line of its own in the
earliest open period, with the reason. Without a difference there is no line. Credits stand outside of all this.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

from schemas.errors import UsageError
from sinks.records.billing.line_numbers import COMPONENTS, Component, line_no
from sinks.records.billing.months import name_of, next_month
from sinks.records.billing.rating import RatedSession, Total
from sinks.records.billing.terms import plain


@dataclass(frozen=True, slots=True)
class Billed:
    """A line of a closed period; names as `schemas.record_billing.INVOICE_LINE`."""

    line_no: str
    contract_no: str
    customer_id: str
    period: date
    usage_period: date
    component: str
    quantity: Decimal
    unit: str
    amount: Decimal
    currency: str
    contract_version: str | None
    price_version: str | None


@dataclass(frozen=True)
class MonthOfUse:
    """What a month of use under a contract comes to now, and why.

    Attributes:
        totals: Of components; one that is missing comes to nothing.
        contract_version: None where the contract is gone, or is paid for no more.
    """

    contract_no: str
    customer_id: str
    usage_period: date
    currency: str
    totals: Mapping[Component, Total]
    sessions: tuple[RatedSession, ...] = ()
    root: str | None = None
    contract_version: str | None = None
    price_version: str | None = None
    complete_share: float | None = None
    terms: str = field(default="{}", repr=False)


@dataclass(frozen=True)
class Line:
    """A line that an open period shall hold."""

    of: MonthOfUse
    line_no: str
    period: date
    component: Component
    quantity: Decimal
    unit: str
    amount: Decimal
    reason: str | None


@dataclass(frozen=True)
class Periods:
    """Which months are closed. One without a row is open, from the first row's on.

    Attributes:
        first: The first month that is billed at all.
    """

    first: date
    closed: frozenset[date]

    def is_closed(self, month: date) -> bool:
        return month in self.closed

    @property
    def earliest_open(self) -> date:
        month = self.first
        while month in self.closed:
            month = next_month(month)
        return month


def lines(months: Iterable[MonthOfUse], billed: Iterable[Billed], periods: Periods) -> list[Line]:
    """The lines that open periods shall hold, credits aside, by number.

    Args:
        months: Each contract and month of use once.
        billed: Lines of closed periods, credits aside. What they have billed of months that are no longer among
            `months` is taken back.

    Raises:
        UsageError: A month of use would be billed in another currency than before.
    """
    before: defaultdict[tuple[str, date], list[Billed]] = defaultdict(list)
    for line in sorted(billed, key=lambda line: (line.period, line.line_no)):
        before[line.contract_no, line.usage_period].append(line)
    found = {(month.contract_no, month.usage_period): month for month in months}
    gone = {key: _nothing(rows[-1]) for key, rows in before.items() if key not in found}
    wanted = [line for key, month in (found | gone).items() for line in _of_month(month, before.get(key, []), periods)]
    return sorted(wanted, key=lambda line: line.line_no)


def _nothing(last: Billed) -> MonthOfUse:
    return MonthOfUse(last.contract_no, last.customer_id, last.usage_period, last.currency, {})


def _of_month(month: MonthOfUse, before: list[Billed], periods: Periods) -> Iterable[Line]:
    is_late = periods.is_closed(month.usage_period)
    period = periods.earliest_open if is_late else month.usage_period
    if any(line.currency != month.currency for line in before):
        raise UsageError(
            f"{name_of(month.usage_period)} of contract {month.contract_no} was billed in {before[-1].currency}, and "
            f"its price is in {month.currency} now: correct billing.price."
        )
    news: dict[Component, Total] = {}
    for component in COMPONENTS:
        total, own = month.totals.get(component, Total()), [line for line in before if line.component == component]
        news[component] = Total(
            total.quantity - sum((line.quantity for line in own), Decimal(0)),
            total.unit or next((line.unit for line in own), ""),
            total.amount - sum((line.amount for line in own), Decimal(0)),
        )
    reason = _reason(month, before, news["usage"]) if is_late else None
    for component, more in news.items():
        if more.quantity or more.amount:
            number = line_no(month.contract_no, month.usage_period, period, component)
            yield Line(month, number, period, component, more.quantity, more.unit, more.amount, reason)


_PLURALS = {"wash": "washes", "use": "uses"}


def _reason(month: MonthOfUse, before: list[Billed], more: Total) -> str:
    """Why something is billed after the close, for the customer."""
    what = name_of(month.usage_period)
    if month.contract_version is None:
        return f"correction of {what}: the contract is paid for no more"
    told = []
    if more.quantity > 0:
        told.append(f"late usage of {what}: {_counted(more.quantity, more.unit)} more")
    elif more.quantity < 0:
        told.append(f"correction of {what}: {_counted(-more.quantity, more.unit)} fewer")
    last = before[-1] if before else None
    if last is not None and last.price_version != month.price_version:
        told.append("price corrected" if told else f"price corrected of {what}")
    if last is not None and last.contract_version != month.contract_version:
        told.append("contract corrected" if told else f"contract corrected of {what}")
    return "; ".join(told) or f"correction of {what}"


def _counted(quantity: Decimal, unit: str) -> str:
    return f"{plain(quantity)} {unit if quantity == 1 else _PLURALS.get(unit, unit)}"
