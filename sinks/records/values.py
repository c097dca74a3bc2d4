"""Values of record fields: their JSON form in the ledger and back, without loss."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

from schemas.records import Kind

Value = str | int | Decimal | date | datetime | None
Json = str | int | None
Key = tuple[Value, ...]


def to_json(value: Value) -> Json:
    """Texts and integers as they are, everything else as text.

    >>> to_json(Decimal("12.50"))
    '12.50'
    """
    if value is None or isinstance(value, str | int):
        return value
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    return value.isoformat() if isinstance(value, date) else str(value)


def from_json(kind: Kind, value: Json) -> Value:
    """The value that `to_json` was given.

    >>> from_json("decimal", "12.50")
    Decimal('12.50')
    """
    if value is None:
        return None
    if kind == "integer":
        return int(value)
    text = str(value)
    if kind == "decimal":
        return Decimal(text)
    if kind == "date":
        return date.fromisoformat(text)
    return datetime.fromisoformat(text) if kind == "instant" else text
