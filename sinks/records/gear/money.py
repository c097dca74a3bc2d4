"""How much money a change moves. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable
from decimal import Decimal

from sinks.records.gear.changes import Change

NOTHING = Decimal(0)


def moved(change: Change) -> Decimal:
    """The distance from `before` to `after` of a change of a money field; null counts as nothing."""
    return abs(_amount(change.after) - _amount(change.before))


def moved_in_all(changes: Iterable[Change], money_field: str | None) -> Decimal | None:
    """Sum of what the changes of the money field move; None: the flow has no such field."""
    if money_field is None:
        return None
    return sum((moved(change) for change in changes if change.field == money_field), NOTHING)


def _amount(text: str) -> Decimal:
    value = json.loads(text)
    return NOTHING if value is None else Decimal(value)
