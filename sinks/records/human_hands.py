"""What people set fields to, by hand: the same generator gives the same values. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from random import Random
from types import MappingProxyType
from typing import Final

from schemas.records import RecordColumn, RecordTable
from sinks.records.seeded_service import AGENTS
from sinks.records.values import Value

OWN_FIELDS: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "erp.material": ("list_price",),
        "erp.spare_parts_demand": ("planned_qty",),
        "crm.customer": ("email",),
        "crm.activity": ("note",),
        "service.case": ("status", "priority", "assigned_to"),
        "service.part": ("stock_qty",),
    }
)
"""Fields that are people's alone, by table; what flows feed, people change as well."""

_WORDS: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "crm.customer.engagement": ("daily", "weekly", "rare", "none"),
        "crm.customer.next_best_action": ("call back", "win back", "replace shoes", "offer care advice", "nothing"),
        "service.case.status": ("new", "open", "waiting", "solved"),
        "service.case.assigned_to": AGENTS,
        "service.case.kind": ("noise", "leak", "door", "bearing", "drain_pump"),
        "crm.activity.note": ("Called again, nobody there.", "Was friendly.", "Wants a call in the evening."),
    }
)
_FREE_TEXTS: Final = frozenset(["title", "evidence", "reason", "note", "description"])
_KEPT: Final = frozenset(["period", "usage_period"])
"""Dates that say what a row is about: somebody who changes them makes another row."""
_EMPTIED: Final = 0.1
"""Share of edits that empty a field which may be empty."""
_FIRST_VALUE: Final[Mapping[str, Value]] = MappingProxyType(
    {"integer": 1, "decimal": Decimal(1), "precise": Decimal(1)}
)
"""What an edit of an empty number starts from."""


@dataclass(frozen=True, slots=True)
class Editable:
    """A field that people edit."""

    table: RecordTable
    column: RecordColumn


def is_edited(table: RecordTable, column: RecordColumn) -> bool:
    """Whether anybody edits such a field by hand: not what a row is about, nor hashes and other programs' texts."""
    if column.name in table.key or column.name in _KEPT:
        return False
    is_told = f"{table.full_name}.{column.name}" in _WORDS or column.name in _FREE_TEXTS
    return column.kind != "text" or is_told or column.name in OWN_FIELDS.get(table.full_name, ())


def edited(field: Editable, held: Value, today: date, rng: Random) -> Value:
    """Another value than the one held, as somebody might set it.

    Args:
        today: What an edit of an empty date or instant starts from.
    """
    column = field.column
    if column.nullable and held is not None and rng.random() < _EMPTIED:
        return None
    if column.kind == "text":
        return _words(f"{field.table.full_name}.{column.name}", held, rng)
    if column.kind in ("date", "instant"):
        noon = datetime.combine(today, time(12), UTC)
        start = held if isinstance(held, date) else noon if column.kind == "instant" else today
        return start + timedelta(days=rng.choice((-30, -7, -1, 1, 7, 30)))
    start_from = held if isinstance(held, int | Decimal) else _FIRST_VALUE[column.kind]
    assert isinstance(start_from, int | Decimal)
    return _moved(start_from, rng)


def _words(name: str, held: Value, rng: Random) -> str:
    if name in _WORDS:
        return rng.choice([word for word in _WORDS[name] if word != held])
    if name == "crm.customer.email":
        return f"new-address-{rng.randrange(10**6):06d}@mail.example"
    return f"{held or ''} (checked {rng.randrange(10**4):04d})".strip()


def _moved(held: int | Decimal, rng: Random) -> int | Decimal:
    """Up, or down but not below zero; of a whole number a whole one, of another one two places."""
    steps = rng.randint(1, 20)
    step = steps if isinstance(held, int) else Decimal(steps) / 4
    return held - step if held > step and rng.random() < 0.5 else held + step
