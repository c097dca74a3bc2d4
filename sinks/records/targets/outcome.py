"""A batch's outcome as JSON, as a record system keeps it in a receipt, and back. Pure."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any

from schemas.records import Kind
from sinks.records.targets.target import LeftOut, Written
from sinks.records.values import Value, from_json, to_json


def to_outcome(written: Written) -> dict[str, Any]:
    """JSON object of an outcome; values carry their kind, for whoever knows the token alone.

    >>> to_outcome(Written((LeftOut(0, "name", "gone"),), {(1, "price"): Decimal("1.50")}))
    {'left_out': [[0, 'name', 'gone']], 'stored': [[1, 'price', 'decimal', '1.50']]}
    """
    return {
        "left_out": [[item.row, item.field, item.reason] for item in written.left_out],
        "stored": [[row, name, _kind(value), to_json(value)] for (row, name), value in written.stored.items()],
    }


def from_outcome(outcome: dict[str, Any]) -> Written:
    """The outcome that `to_outcome` was given."""
    return Written(
        tuple(LeftOut(row, name, reason) for row, name, reason in outcome["left_out"]),
        {(row, name): from_json(kind, value) for row, name, kind, value in outcome["stored"]},
    )


def _kind(value: Value) -> Kind:
    if isinstance(value, datetime):
        return "instant"
    if isinstance(value, date):
        return "date"
    if isinstance(value, Decimal):
        return "decimal"
    return "integer" if isinstance(value, int) else "text"
