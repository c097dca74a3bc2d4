"""Whether the evidence of an invoice fits: recomputes hashes, roots, quantities, prices and totals from it alone. Pure.

Nothing but the document is needed: no database, no network, no settings.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any

from schemas.errors import UsageError
from sinks.records.billing.evidence_file import BEFORE_FIELDS, FORMAT, LINE_FIELDS, digest
from sinks.records.billing.evidence_terms import known_contracts, known_sessions, known_tariffs, misfits
from sinks.records.billing.line_numbers import COMPONENTS, Component, credit_no, invoice_no, line_no
from sinks.records.billing.months import name_of, parse
from sinks.records.billing.rating import RatedSession, Total, rate
from sinks.records.billing.terms import ContractTerms, Tariff, plain

_UNREADABLE = (KeyError, TypeError, ValueError, AttributeError, InvalidOperation, UsageError)
_NAMES = frozenset(
    ["format", "contract_no", "period", "invoice", "lines", "sessions", "contracts", "tariffs", "digest", "signature"]
)


def faults(document: Any) -> list[str]:
    """A sentence for each thing that does not fit; none where all does. The signature is not looked at."""
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        return [f"This is no evidence that can be read here: its format is not {FORMAT!r}."]
    found = []
    if document.get("digest") != digest(document):
        found.append("The file was changed after it was made: its digest does not fit.")
    try:
        return [*found, *_Checked(document).faults()]
    except _UNREADABLE as error:
        return [*found, f"The file cannot be read to its end: {type(error).__name__} {error}."]


class _Checked:
    """A document whose parts were read."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        self.document = document
        self.period = parse(document["period"])
        self.contract_no = str(document["contract_no"])
        self.lines: Sequence[Mapping[str, Any]] = document["lines"]
        self.sessions = known_sessions(document["sessions"])
        self.contracts = known_contracts(document["contracts"])
        self.tariffs = known_tariffs(document["tariffs"])

    def faults(self) -> Iterator[str]:
        surplus = sorted(set(self.document) - _NAMES)
        if surplus:
            yield f"The file holds what no evidence has: {', '.join(surplus)}."
        for known in (self.sessions, self.contracts, self.tariffs):
            yield from known.faults
        yield from self._unused()
        yield from self._invoice()
        for line in self.lines:
            yield from (f"Line {line['line_no']}: {fault}." for fault in self._line(line))

    def _unused(self) -> Iterator[str]:
        for what, name, held in (
            ("sessions", "merkle_root", self.document["sessions"]),
            ("a contract", "contract_version", self.document["contracts"]),
            ("prices", "price_version", self.document["tariffs"]),
        ):
            for key in sorted(set(held) - {line[name] for line in self.lines}):
                yield f"The file holds {what} that no line goes by: {key[:12]}."

    def _invoice(self) -> Iterator[str]:
        invoice = self.document["invoice"]
        if set(invoice) != {"invoice_no", "status", "currency", "total", "issued_at"}:
            yield "The invoice has other fields than an invoice has."
        if invoice["invoice_no"] != invoice_no(self.contract_no, self.period):
            yield f"The invoice's number is not that of contract {self.contract_no} in {name_of(self.period)}."
        if invoice["status"] not in ("draft", "final") or (invoice["status"] == "final") != bool(invoice["issued_at"]):
            yield "The invoice is neither a draft nor final: a final one, and only it, says when it was issued."
        total = sum((Decimal(line["amount"]) for line in self.lines), Decimal(0))
        if Decimal(invoice["total"]) != total:
            yield f"The invoice's total is {invoice['total']}, and its lines come to {plain(total)}."
        numbers = [line["line_no"] for line in self.lines]
        if len(set(numbers)) < len(numbers):
            yield "The invoice holds a line twice."

    def _line(self, line: Mapping[str, Any]) -> Iterator[str]:
        if set(line) != {*LINE_FIELDS, "billed_before"}:
            yield "it has other fields than a line has"
        if line["currency"] != self.document["invoice"]["currency"]:
            yield "its currency is not the invoice's"
        month = _first_day(line["usage_period"])
        if line["component"] == "credit":
            yield from self._credit(line, month)
        elif line["component"] in COMPONENTS:
            yield from self._rated(line, month)
        else:
            yield f"there is no component {line['component']!r}"

    def _credit(self, line: Mapping[str, Any], month: date) -> Iterator[str]:
        told = str(line["reason"]).removeprefix("credit of line ").partition(": ")[0]
        if line["line_no"] != credit_no(self.contract_no, month, self.period, told):
            yield "its number does not fit the line that it credits"
        if Decimal(line["quantity"]) or line["unit"] or line["session_count"] or line["waived_count"]:
            yield "a credit has neither quantity nor sessions"
        if line["merkle_root"] is not None or line["billed_before"]:
            yield "a credit has neither sessions nor earlier lines"
        if any(line[name] is not None for name in ("contract_version", "price_version", "code_version")):
            yield "a credit goes by no terms"

    def _rated(self, line: Mapping[str, Any], month: date) -> Iterator[str]:
        component: Component = line["component"]
        if line["line_no"] != line_no(self.contract_no, month, self.period, component):
            yield "its number does not fit contract, month of use, period and component"
        if month > self.period or (month == self.period) != (line["reason"] is None):
            yield "it says why it is on a later invoice, or does not, against its month of use"
        yield from self._before(line, month, component)
        contract, tariff = self._terms(line)
        sessions = self._sessions(line)
        if sessions is None:
            yield "the sessions behind it are not in the file"
            return
        if (len(sessions), sum(s.waived is not None for s in sessions)) != (
            line["session_count"],
            line["waived_count"],
        ):
            yield "its counts of sessions, and of waived ones, are not those of the sessions"
        if (contract is None) != (line["contract_version"] is None) or (tariff is None) != (
            line["price_version"] is None
        ):
            yield "the terms it goes by are not in the file"
            return
        if contract is not None and tariff is not None:
            yield from misfits(contract, tariff, sessions, month, self.contract_no)
            # Base and minimum are rated together with the use of the month, which a base line does not show.
            yield from _amounts(line, rate(contract, tariff, sessions, month)[component], tariff.first.currency)
        else:
            yield from _amounts(line, Total(unit=line["unit"]), line["currency"])

    def _before(self, line: Mapping[str, Any], month: date, component: Component) -> Iterator[str]:
        for row in line["billed_before"]:
            period = _first_day(row["period"])
            if (
                set(row) != set(BEFORE_FIELDS)
                or not month <= period < self.period
                or row["line_no"] != line_no(self.contract_no, month, period, component)
            ):
                yield f"{row['line_no']} has billed nothing of it before"

    def _terms(self, line: Mapping[str, Any]) -> tuple[ContractTerms | None, Tariff | None]:
        return self.contracts.found.get(line["contract_version"]), self.tariffs.found.get(line["price_version"])

    def _sessions(self, line: Mapping[str, Any]) -> Sequence[RatedSession] | None:
        if line["component"] == "base" or line["contract_version"] is None:
            return () if line["merkle_root"] is None else None
        return self.sessions.found.get(line["merkle_root"])


def _first_day(text: str) -> date:
    """The month that is named by its first day. Raises ValueError where it is none."""
    day = date.fromisoformat(text)
    if day.day != 1:
        raise ValueError(f"{text} is no first day of a month")
    return day


def _amounts(line: Mapping[str, Any], total: Total, currency: str) -> Iterator[str]:
    before = line["billed_before"]
    quantity = total.quantity - sum((Decimal(row["quantity"]) for row in before), Decimal(0))
    amount = total.amount - sum((Decimal(row["amount"]) for row in before), Decimal(0))
    if Decimal(line["quantity"]) != quantity:
        yield f"its quantity is {line['quantity']}, and the sessions come to {plain(quantity)}"
    if Decimal(line["amount"]) != amount:
        yield f"its amount is {line['amount']}, and sessions and prices come to {plain(amount)}"
    if line["unit"] != total.unit:
        yield f"its unit is {line['unit']!r}, and the price's is {total.unit!r}"
    if line["currency"] != currency:
        yield f"its currency is {line['currency']}, and the price's is {currency}"
