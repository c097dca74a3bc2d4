"""What a backfill would change or changed: by kind of fact and field, and by money. Pure, and added up over parts."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any

from babel.numbers import get_currency_precision

from streams.desk.register import Register
from streams.history import Session
from streams.history_compare import Change, Compared

EXAMPLES = 3
WH_PER_KWH, L_PER_M3, M_PER_KM = Decimal(1_000), Decimal(1_000), Decimal(1_000)
Purse = tuple[str, str]
"""Currency, and what is paid for: energy, water, pay_per_wash, pay_per_km."""


@dataclass
class FieldChange:
    """One field, over all sessions in which it differs.

    Attributes:
        total: Sum of the differences, new less old; None of what is no number, or is null before or after.
        largest: The difference farthest from 0.
        examples: The sessions with the largest differences: id, before, after.
    """

    sessions: int = 0
    total: float | None = None
    largest: float | None = None
    examples: list[tuple[str, Any, Any]] = field(default_factory=list)

    def add(self, other: FieldChange) -> None:
        """Take in what another part found."""
        self.sessions += other.sessions
        if other.total is not None:
            self.total = other.total if self.total is None else self.total + other.total
        if other.largest is not None and (self.largest is None or abs(other.largest) > abs(self.largest)):
            self.largest = other.largest
        self.examples = sorted(self.examples + other.examples, key=_size)[:EXAMPLES]


@dataclass
class Money:
    """What the sessions that change come to, as they were and as they are told now."""

    before: Decimal = Decimal(0)
    after: Decimal = Decimal(0)


@dataclass
class Report:
    """What came of some devices.

    Attributes:
        kinds: Sessions by what happens to them: changed, appears, withdrawn.
        left: Sessions that were left as they are, by reason.
        examples: Of sessions that appear or are withdrawn: their ids.
        money: What is paid, by currency and what for; exact, to be rounded when told.
        unpriced: Sessions that change, appear or are withdrawn, under a contract that is paid by use and has no price
            in the rule file.
    """

    readings: int = 0
    uploads: int = 0
    devices: int = 0
    same: int = 0
    kinds: Counter[str] = field(default_factory=Counter)
    left: Counter[str] = field(default_factory=Counter)
    fields: defaultdict[str, FieldChange] = field(default_factory=lambda: defaultdict(FieldChange))
    examples: defaultdict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    money: defaultdict[Purse, Money] = field(default_factory=lambda: defaultdict(Money))
    unpriced: Counter[str] = field(default_factory=Counter)

    @property
    def changes(self) -> int:
        """Versions to write."""
        return self.kinds.total()

    def add(self, other: Report) -> None:
        """Take in what another part found."""
        for name in ("readings", "uploads", "devices", "same"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        for counted in ("kinds", "left", "unpriced"):
            getattr(self, counted).update(getattr(other, counted))
        for name, change in other.fields.items():
            self.fields[name].add(change)
        for kind, ids in other.examples.items():
            self.examples[kind] = (self.examples[kind] + ids)[:EXAMPLES]
        for purse, money in other.money.items():
            self.money[purse].before += money.before
            self.money[purse].after += money.after


def report_of(compared: Compared, register: Register, prices: Mapping[Purse, Decimal]) -> Report:
    """What was found, in numbers.

    Args:
        register: What record systems know: contracts, as of when a session began.
        prices: By currency and kind of contract.
    """
    report = Report(same=compared.same, left=Counter({str(name): count for name, count in compared.left.items()}))
    for change in compared.changes:
        report.kinds[change.kind] += 1
        if change.kind != "changed" and len(report.examples[change.kind]) < EXAMPLES:
            report.examples[change.kind].append(str(change.after["session_id"]))
        for name in change.fields:
            assert change.before is not None, "what has fields that differ was there before"
            report.fields[name].add(_difference(change, name, change.before[name], change.after.get(name)))
        _add_money(report, change, register, prices)
    return report


def rounded(amount: Decimal, currency: str) -> Decimal:
    """An amount of money as it is told: with as many digits as the currency has coins (CLDR), two if it is not known.

    >>> rounded(Decimal("1.005"), "EUR"), rounded(Decimal("1.5"), "JPY")
    (Decimal('1.00'), Decimal('2'))
    """
    return amount.quantize(Decimal(1).scaleb(-get_currency_precision(currency)), ROUND_HALF_EVEN)


def _difference(change: Change, name: str, before: Any, after: Any) -> FieldChange:
    is_number = all(isinstance(value, int | float) and not isinstance(value, bool) for value in (before, after))
    difference = after - before if is_number else None
    return FieldChange(1, difference, difference, [(str(change.after["session_id"]), before, after)])


def _size(example: tuple[str, Any, Any]) -> float:
    """Sorts the largest difference first, and before all that is no number."""
    _, before, after = example
    is_number = isinstance(before, int | float) and isinstance(after, int | float)
    return -abs(after - before) if is_number else 1.0


def _add_money(report: Report, change: Change, register: Register, prices: Mapping[Purse, Decimal]) -> None:
    unpriced: set[str] = set()
    for is_after, session in ((False, change.before), (True, change.after)):
        if session is None or session["status"] == "withdrawn":
            continue
        for purse, amount in _paid(session, register, prices, unpriced):
            money = report.money[purse]
            if is_after:
                money.after += amount
            else:
                money.before += amount
    report.unpriced.update(unpriced)


def _paid(
    session: Session, register: Register, prices: Mapping[Purse, Decimal], unpriced: set[str]
) -> Iterable[tuple[Purse, Decimal]]:
    """What a session costs its user, or its owner earns, under the contract that held when it began."""
    contract = register.of(session["device_id"]).contract_at(session["started_at_ms"])
    if contract is None:
        return
    if "energy_wh" in session:
        energy_kwh = _exact(session["energy_wh"]) / WH_PER_KWH
        yield (contract.currency, "energy"), energy_kwh * _exact(contract.energy_price_per_kwh)
        if session["water_l"] is not None:
            water_m3 = _exact(session["water_l"]) / L_PER_M3
            yield (contract.currency, "water"), water_m3 * _exact(contract.water_price_per_m3)
    uses = {"pay_per_wash": "energy_wh", "pay_per_km": "distance_m"}
    if uses.get(contract.kind, "") not in session:
        return
    price = prices.get((contract.currency, contract.kind))
    if price is None:
        unpriced.add(f"{contract.currency} {contract.kind}")
        return
    amount = Decimal(1) if contract.kind == "pay_per_wash" else _exact(session["distance_m"]) / M_PER_KM
    yield (contract.currency, contract.kind), amount * price


def _exact(value: float) -> Decimal:
    """The decimal that is written so, not the binary fraction behind it."""
    return Decimal(repr(value))
