"""What a month of use costs under a contract: a function of its sessions and terms, in decimals. Pure.

| component | what it costs |
|-----------|---------------|
| base      | the base fee, by days of the month on which the contract was valid |
| usage     | what lies above the included quantity: at the price as of each session's end; with tiers, by quantity |
| minimum   | what base and usage of the month lack to the minimum charge, by days like the base fee |

Base fee, included quantity, minimum and tiers are those of the month's first day. Sessions use up what is included in
the order of their ends. A part of a month includes its part, rounded up to whole units. Each component is rounded once,
half to even, to the currency's smallest coin.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import ROUND_CEILING, ROUND_HALF_EVEN, Context, Decimal, localcontext
from typing import Any, Final

from sinks.records.billing import merkle
from sinks.records.billing.line_numbers import Component
from sinks.records.billing.months import days_in, instant, local_day, next_month
from sinks.records.billing.terms import ContractTerms, Tariff, Tier, canonical, plain

RATING_VERSION: Final = "1"
"""Raised whenever this module would rate something otherwise."""

_COINS: Final = {"JPY": Decimal(1)}
_CENT: Final = Decimal("0.01")
_SHARE: Final = Decimal("0.000001")
_EXACT: Final = Context(prec=60)
_NOTHING: Final = Decimal(0)
_UNIT_NAMES: Final = {"": "use"}


@dataclass(frozen=True, slots=True)
class RatedSession:
    """A session as it is billed.

    Attributes:
        quantity: In the price's unit.
        waived: Number of the rule by which it costs nothing; None: it costs.
    """

    session_id: str
    version: int
    ended_at_ms: int
    quantity: Decimal
    waived: str | None

    def line(self) -> list[Any]:
        """As evidence shows it: what is hashed is this list's canonical JSON."""
        return [self.session_id, self.version, self.ended_at_ms, plain(self.quantity), self.waived]


@dataclass(frozen=True, slots=True)
class Total:
    """All that a component of a month of use comes to."""

    quantity: Decimal = _NOTHING
    unit: str = ""
    amount: Decimal = _NOTHING


def rate(
    contract: ContractTerms, tariff: Tariff, sessions: Iterable[RatedSession], month: date
) -> Mapping[Component, Total]:
    """Totals of the month by component, all components.

    Args:
        sessions: Those that ended in the month while the contract was valid, in any order, each once.
    """
    price, days = tariff.first, valid_days(contract, month)
    with localcontext(_EXACT):
        charged = sorted((s for s in sessions if s.waived is None), key=lambda s: (s.ended_at_ms, s.session_id))
        base = _of_month(price.base_fee, days, month, price.currency)
        usage = rounded(_use(contract, tariff, charged, _included(tariff, days, month)), price.currency)
        least = _of_month(price.minimum_charge, days, month, price.currency)
        share = (Decimal(days) / days_in(month)).quantize(_SHARE, ROUND_HALF_EVEN) if price.base_fee else _NOTHING
        return {
            "usage": Total(sum((s.quantity for s in charged), _NOTHING), unit_name(price.unit), usage),
            "base": Total(share, "month", base),
            "minimum": Total(_NOTHING, "", max(_NOTHING, least - base - usage)),
        }


def unit_name(unit: str) -> str:
    """The unit as a line names it."""
    return _UNIT_NAMES.get(unit, unit)


def valid_days(contract: ContractTerms, month: date) -> int:
    """Local days of the month on which the contract was valid at some time."""
    first = max(month, local_day(contract.valid_from, contract.country))
    end = next_month(month)
    if contract.valid_to is not None:
        last_moment = contract.valid_to - timedelta(microseconds=1)
        end = min(end, local_day(last_moment, contract.country) + timedelta(days=1))
    return max(0, (end - first).days)


def rounded(amount: Decimal, currency: str) -> Decimal:
    """The amount in whole coins, half to even."""
    return amount.quantize(_COINS.get(currency, _CENT), ROUND_HALF_EVEN)


def root_of(sessions: Iterable[RatedSession]) -> str:
    """Merkle root (hex) over the sessions' hashes, in the order of their ids."""
    lines = [canonical(session.line()).encode() for session in sorted(sessions, key=lambda s: s.session_id)]
    return merkle.root(lines).hex()


def _of_month(amount: Decimal, days: int, month: date, currency: str) -> Decimal:
    return rounded(amount * days / days_in(month), currency)


def _included(tariff: Tariff, days: int, month: date) -> Decimal:
    included = tariff.first.included_qty
    if days == days_in(month):
        return included
    return (included * days / days_in(month)).to_integral_value(ROUND_CEILING)


def _use(contract: ContractTerms, tariff: Tariff, charged: Sequence[RatedSession], included: Decimal) -> Decimal:
    """What the sessions, in their order, cost; not rounded."""
    if tariff.tiers:
        quantity = sum((session.quantity for session in charged), _NOTHING)
        return _graduated(max(_NOTHING, quantity - included), tariff.first.unit_price, tariff.tiers)
    used = cost = _NOTHING
    for session in charged:
        paid = min(session.quantity, max(_NOTHING, used + session.quantity - included))
        used += session.quantity
        cost += paid * tariff.price_on(local_day(instant(session.ended_at_ms), contract.country)).unit_price
    return cost


def _graduated(quantity: Decimal, unit_price: Decimal, tiers: Sequence[Tier]) -> Decimal:
    """What a quantity costs: its part in each tier at the tier's price."""
    begins = [(_NOTHING, unit_price), *((tier.from_qty, tier.unit_price) for tier in tiers)]
    ends = [begin for begin, _ in begins[1:]]
    cost = _NOTHING
    for (begin, price), end in zip(begins, [*ends, max(quantity, begins[-1][0])], strict=True):
        cost += max(_NOTHING, min(quantity, end) - begin) * price
    return cost
