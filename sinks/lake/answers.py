"""Query results as a table for people, or as CSV or JSON for programs. Pure: rows come in, lines go out.

Instants are UTC: `2026-05-03T07:10:00Z` for programs, `2026-05-03 07:10:00` in tables. Null is an empty CSV field and
an empty text is `""`; decimals keep every digit; bytes are text where they are UTF-8, else `\\x` and hex digits.
"""

from __future__ import annotations

import datetime
import json
import math
from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from itertools import chain, count, islice
from typing import Any

from rich.cells import cell_len

COUNTED_ROWS = 1_000_000
"""Rows behind those shown are counted up to here: the count costs as much as the rows."""

Row = Sequence[Any]


def csv_lines(names: Sequence[str], rows: Iterable[Row]) -> Iterator[str]:
    """Header and rows (RFC 4180, but lines end with a line feed)."""
    yield ",".join(map(_csv_cell, names))
    for row in rows:
        yield ",".join(map(_csv_cell, row))


def json_lines(names: Sequence[str], rows: Iterable[Row]) -> Iterator[str]:
    """An array of objects, one a line. A second column of the same name gets `_1` behind it, as in DuckDB."""
    keys = [json.dumps(name, ensure_ascii=False) for name in _distinct(names)]
    opening = "["
    for row in rows:
        yield opening + "{" + ", ".join(f"{key}: {_json(value)}" for key, value in zip(keys, row, strict=True)) + "}"
        opening = ","
    yield "[]" if opening == "[" else "]"


def table_lines(names: Sequence[str], rows: Iterable[Row], shown_rows: int, longest_cell: int = 80) -> Iterator[str]:
    """Aligned columns, at most `shown_rows` rows, and a last line that says how many there are.

    Args:
        longest_cell: Characters of a value that are shown at most.
    """
    remaining = iter(rows)
    head = list(islice(remaining, shown_rows))
    cells = [[_table_cell(value, longest_cell) for value in row] for row in (names, *head)]
    widths = [max(cell_len(row[index]) for row in cells) for index in range(len(names))]
    right = [any(_is_number(row[index]) for row in head) for index in range(len(names))]
    yield _aligned(cells[0], widths, right)
    yield "  ".join("-" * width for width in widths)
    for row in cells[1:]:
        yield _aligned(row, widths, right)
    left_out = sum(1 for _ in islice(remaining, COUNTED_ROWS))
    times = "; times are UTC" if any(isinstance(value, datetime.datetime) for value in chain(*head)) else ""
    if left_out == 0:
        yield f"({len(head):,} {'row' if len(head) == 1 else 'rows'}{times})"
    else:
        many = f"{left_out:,}" if left_out < COUNTED_ROWS else f"at least {left_out:,}"
        yield f"({len(head):,} {'row' if len(head) == 1 else 'rows'} shown, {many} left out{times})"


def as_text(value: Any) -> str:
    """The value as programs read it in CSV."""
    match value:
        case None:
            return ""
        case str():
            return value
        case bool():
            return "true" if value else "false"
        case Decimal():
            return format(value, "f")
        case bytes():
            try:
                return value.decode()
            except UnicodeDecodeError:
                return "\\x" + value.hex()
        case datetime.datetime():
            return _instant(value, "T") + "Z"
        case datetime.date() | datetime.time():
            return value.isoformat()
        case dict() | list() | tuple():
            return _json(value)
        case _:
            return str(value)


def _csv_cell(value: Any) -> str:
    text = as_text(value)
    if value is not None and (text == "" or any(character in text for character in ',"\r\n')):
        return '"' + text.replace('"', '""') + '"'
    return text


def _json(value: Any) -> str:
    match value:
        case None | bool() | int() | str():
            return json.dumps(value, ensure_ascii=False)
        case float():
            return json.dumps(value) if math.isfinite(value) else "null"
        case Decimal():
            return as_text(value) if value.is_finite() else "null"
        case dict():
            return "{" + ", ".join(f"{_json(as_text(key))}: {_json(item)}" for key, item in value.items()) + "}"
        case list() | tuple():
            return "[" + ", ".join(map(_json, value)) + "]"
        case _:
            return json.dumps(as_text(value), ensure_ascii=False)


def _table_cell(value: Any, longest: int) -> str:
    if value is None:
        return "null"
    text = _instant(value, " ") if isinstance(value, datetime.datetime) else as_text(value)
    # A device's text must not reach the terminal as an escape sequence.
    text = "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode()
        for character in text[: longest + 1]
    )
    return text if len(text) <= longest else text[: longest - 1] + "…"


def _instant(value: datetime.datetime, separator: str) -> str:
    utc = value.astimezone(datetime.UTC).replace(tzinfo=None) if value.tzinfo is not None else value
    exact = "seconds" if utc.microsecond == 0 else "milliseconds" if utc.microsecond % 1000 == 0 else "microseconds"
    return utc.isoformat(separator, exact)


def _aligned(cells: Sequence[str], widths: Sequence[int], right: Sequence[bool]) -> str:
    padded = [
        " " * (width - cell_len(cell)) + cell if is_right else cell + " " * (width - cell_len(cell))
        for cell, width, is_right in zip(cells, widths, right, strict=True)
    ]
    return "  ".join(padded).rstrip()


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float | Decimal) and not isinstance(value, bool)


def _distinct(names: Sequence[str]) -> list[str]:
    taken: dict[str, None] = {}
    for name in names:
        free = next(wanted for index in count() if (wanted := f"{name}_{index}" if index else name) not in taken)
        taken[free] = None
    return list(taken)
