"""How much money changes move, each currency by itself: a sum of kronor and euros would be of nothing. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from decimal import Decimal
from functools import lru_cache

from sinks.records.gear.changes import Change

NOTHING = Decimal(0)
UNKNOWN = ""
"""Currency of a change that does not tell one: the flow has but one, or it was planned before changes told theirs."""
CURRENCY = "currency"
"""Name among a change's gates."""

Moved = Mapping[str, Decimal]
"""How much moves, by currency."""


def moved(change: Change) -> Decimal:
    """The distance from `before` to `after` of a change of a money field; null counts as nothing."""
    return abs(_amount(change.after) - _amount(change.before))


def moved_by_currency(changes: Iterable[Change], money_field: str | None) -> Moved:
    """What the changes of the money field move; nothing where the flow has no such field."""
    sums: dict[str, Decimal] = {}
    for change in changes:
        if change.field == money_field:
            currency = currency_of(change.gates)
            sums[currency] = sums.get(currency, NOTHING) + moved(change)
    return sums


def both(one: Moved, other: Moved) -> Moved:
    """The two together."""
    return {
        currency: one.get(currency, NOTHING) + other.get(currency, NOTHING) for currency in one.keys() | other.keys()
    }


def most(sums: Moved) -> Decimal:
    """What moves in the currency in which the most does: what a limit is held against.

    What is of an unknown currency may be of any, and counts with each.
    """
    known = (amount for currency, amount in sums.items() if currency != UNKNOWN)
    return max(known, default=NOTHING) + sums.get(UNKNOWN, NOTHING)


@lru_cache(maxsize=256)
def currency_of(gates: str) -> str:
    """The currency that a change's gates tell."""
    told = json.loads(gates).get(CURRENCY)
    return told if isinstance(told, str) else UNKNOWN


def gates_of(currency: str) -> str:
    """Gates that tell a currency and nothing else."""
    return json.dumps({CURRENCY: currency} if currency else {}, ensure_ascii=False, separators=(",", ":"))


def _amount(text: str) -> Decimal:
    value = json.loads(text)
    return NOTHING if value is None else Decimal(value)
