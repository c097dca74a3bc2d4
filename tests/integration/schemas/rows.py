"""Rows of any contract: every field filled with something it accepts, each row its own."""

from __future__ import annotations

from datetime import date
from typing import Any

import pyarrow as pa

from schemas.fields import EARLIEST_MS, FIRMWARE, IDENTIFIER, Contract
from schemas.forms import Column, Shape, arrow_schema, columns
from schemas.reference import SUBJECT

TEXTS = {IDENTIFIER: "w-{}", FIRMWARE: "1.2.{}", "^[A-Z]{2}$": "SE", "^[A-Z]{3}$": "EUR", SUBJECT: "p" + 26 * "a"}


def filled(contract: type[Contract], count: int) -> pa.Table:
    """`count` rows in the contract's Arrow columns; each third value is null where it may be."""
    return pa.table(
        {column.name: [_value(column, number) for number in range(count)] for column in columns(contract)},
        schema=arrow_schema(contract),
    )


def _value(column: Column, number: int) -> Any:
    if column.nullable and number % 3 == 2:
        return None
    if column.is_list:
        return [_element(column, number), _element(column, number + 1)]
    return _element(column, number)


def _element(column: Column, number: int) -> Any:
    shape = column.value
    if shape.kind == "int":
        if column.name == "to_ms":  # an interval ends after it began
            return EARLIEST_MS + number + 1
        return _within(shape, EARLIEST_MS + number if column.name.endswith("_ms") else number)
    if shape.kind == "float":
        return _within(shape, number + 0.125)
    if shape.kind == "str":
        fixed = shape.choices[number % len(shape.choices)] if shape.choices else None
        return fixed or TEXTS.get(shape.pattern or "", "text-{}").format(number)
    others: dict[str, Any] = {"bool": number % 2 == 0, "bytes": bytes([number % 256, 0]), "date": date(2026, 1, 1)}
    return others[shape.kind]


def _within(shape: Shape, value: float) -> float:
    low = value if shape.minimum is None else max(value, shape.minimum)
    high = low if shape.maximum is None else min(low, shape.maximum)
    return int(high) if shape.kind == "int" else high
