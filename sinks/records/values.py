"""Values of record fields: their JSON form in the ledger and back, without loss."""

from __future__ import annotations

import json
from collections.abc import Sequence
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
    if kind in ("decimal", "precise"):
        return Decimal(text)
    if kind == "date":
        return date.fromisoformat(text)
    return datetime.fromisoformat(text) if kind == "instant" else text


def json_text(value: Value) -> str:
    """The value's canonical JSON text, as ledger and audit hold it.

    >>> json_text(Decimal("12.50")), json_text(None), json_text("é")
    ('"12.50"', 'null', '"é"')
    """
    return json.dumps(to_json(value), ensure_ascii=False)


def from_text(kind: Kind, text: str) -> Value:
    """The value that `json_text` was given."""
    return from_json(kind, json.loads(text))


def key_text(names: Sequence[str], key: Key) -> str:
    """A key's canonical JSON text.

    >>> key_text(("material", "month"), ("WM-8030", date(2026, 5, 1)))
    '{"material":"WM-8030","month":"2026-05-01"}'
    """
    parts = {name: to_json(value) for name, value in zip(names, key, strict=True)}
    return json.dumps(parts, ensure_ascii=False, separators=(",", ":"))
