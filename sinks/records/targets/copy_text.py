r"""Rows in the text form of PostgreSQL's COPY: tabs between values, `\N` for null. Pure.

Source: https://www.postgresql.org/docs/18/sql-copy.html, "Text Format".
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from types import NoneType

from schemas.errors import RecordRefusedError
from sinks.records.values import Value

_NULL = r"\N"
_ESCAPES = str.maketrans({"\\": r"\\", "\t": r"\t", "\n": r"\n", "\r": r"\r"})


def copy_lines(columns: Iterable[Sequence[Value | bool]]) -> bytes:
    r"""All rows of columns of equal length, each with its line end; no rows give nothing.

    Raises:
        RecordRefusedError: A text has a NUL or half a surrogate pair, which PostgreSQL cannot hold.

    >>> copy_lines([["a\tb", "\\N"], [None, ""], [7, True]])
    b'a\\tb\t\\N\t7\n\\\\N\t\tt\n'
    """
    lines = ["\t".join(line) for line in zip(*map(_texts, columns), strict=True)]
    if not lines:
        return b""
    text = "\n".join(lines) + "\n"
    if "\x00" in text:
        raise RecordRefusedError("A text to be written has a NUL character, which PostgreSQL cannot hold.")
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        raise RecordRefusedError("A text to be written is no Unicode: it has half a surrogate pair.") from error


def _texts(column: Sequence[Value | bool]) -> Iterable[str]:
    # What a column holds is mostly of one type, and often the same: asked once, not for each value.
    match set(map(type, column)):
        case types if types == {bool}:
            return ["t" if value else "f" for value in column]
        case types if types == {int}:
            return map(str, column)
        case types if types == {NoneType}:
            return [_NULL] * len(column)
    return map(_text, column)


def _text(value: Value | bool) -> str:
    if value is None:
        return _NULL
    if isinstance(value, str):
        return value if value.isprintable() and "\\" not in value else value.translate(_ESCAPES)
    if isinstance(value, bool):
        return "t" if value else "f"
    return value.isoformat() if isinstance(value, date) else str(value)
