"""Values, ages and tables of the gearbox, as `vaxel gearbox` prints them: nothing is `-`, an empty text `""`."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, is_dataclass
from datetime import UTC, date, datetime
from typing import Any

import typer

from schemas.gearbox_ledger import Decision
from schemas.records import BY_NAME
from sinks.lake.answers import as_text, table_lines
from sinks.records.values import from_text

NOTHING = "-"
EMPTY = '""'
_MINUTE_S, _HOUR_S, _DAY_S = 60, 3600, 86_400


def age_told(age_s: float) -> str:
    """A duration in words, rounded down; a clock that is ahead makes no age negative.

    >>> age_told(12.9), age_told(200), age_told(7_300), age_told(200_000), age_told(-3)
    ('12 s', '3 min', '2 h', '2 d', '0 s')
    """
    seconds = max(0, int(age_s))
    if seconds < _MINUTE_S:
        return f"{seconds} s"
    if seconds < _HOUR_S:
        return f"{seconds // _MINUTE_S} min"
    return f"{seconds // _HOUR_S} h" if seconds < 2 * _DAY_S else f"{seconds // _DAY_S} d"


def ago(at: datetime | None, now: datetime) -> str | None:
    """How long ago that was; None: never."""
    return None if at is None else age_told((now - at).total_seconds())


def instant_told(at: datetime) -> str:
    """The instant, UTC.

    >>> instant_told(datetime(2026, 5, 3, 14, 3, tzinfo=UTC))
    '2026-05-03 14:03:00 UTC'
    """
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def value_of(table: str | None, field: str | None, text: str | None) -> Any:
    """The value behind a JSON text of the ledger, in the type that the field has, where there still is such a field."""
    if text is None:
        return None
    known = BY_NAME.get(table or "")
    if known is None or field not in known.column_names:
        return json.loads(text)
    return from_text(known.column(field).kind, text)


def told(value: Any) -> str:
    """A value in a sentence."""
    if value is None:
        return NOTHING
    if isinstance(value, datetime):
        return instant_told(value)
    return EMPTY if value == "" else as_text(value)


def key_told(key: str | None) -> str | None:
    """The parts of a key's JSON text, without their names.

    >>> key_told('{"material":"WM-8030","month":"2026-05-01"}')
    'WM-8030 2026-05-01'
    """
    return None if key is None else " ".join(told(part) for part in json.loads(key).values())


def counted(number: int, noun: str) -> str:
    """
    >>> counted(1, "row"), counted(3120, "row")
    ('1 row', '3,120 rows')
    """
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def verdict_told(
    changes: int, decision: Decision, reason: str, not_before: datetime | None, approved_by: str | None = None
) -> str:
    """So many changes, what is to become of them, and why.

    >>> verdict_told(40, "wait", "gear nightly", datetime(2026, 5, 3, 1, tzinfo=UTC))
    '40 wait until 2026-05-03 01:00:00 UTC (gear nightly)'
    """
    return f"{changes:,} {decision_told(decision, reason, not_before, approved_by, is_one=changes == 1)}"


def decision_told(
    decision: Decision, reason: str, not_before: datetime | None, approved_by: str | None = None, *, is_one: bool = True
) -> str:
    """What is to become of one change, or of several.

    Args:
        approved_by: Who approved the set since it was judged; None: nobody.

    >>> decision_told("needs_approval", "over the free size", None)
    'needs an approval (over the free size)'
    >>> decision_told("needs_approval", "over the free size", None, "Bert Ek")
    'approved by Bert Ek, goes when no gear or freeze holds it up (over the free size)'
    """
    if decision == "needs_approval" and approved_by is not None:
        goes = "goes when no gear or freeze holds it up" if is_one else "go when no gear or freeze holds them up"
        return f"approved by {approved_by}, {goes} ({reason})"
    until = "" if not_before is None else f" until {instant_told(not_before)}"
    what = {
        "go": "goes" if is_one else "go",
        "wait": f"waits{until}" if is_one else f"wait{until}",
        "needs_approval": "needs an approval" if is_one else "need an approval",
        "refused": "refused",
    }[decision]
    return f"{what} ({reason})" if reason else what


def print_table(names: Sequence[str], rows: Iterable[Sequence[Any]], longest_cell: int = 80) -> None:
    """An aligned table, all of it."""
    cells = [[NOTHING if value is None else EMPTY if value == "" else value for value in row] for row in rows]
    for line in table_lines(names, cells, len(cells), longest_cell):
        typer.echo(line)


def print_json(report: Any) -> None:
    """JSON of dataclasses, mappings and lists; instants are ISO 8601 UTC, decimals texts."""
    typer.echo(json.dumps(plain(report), ensure_ascii=False))


def plain(value: Any) -> Any:
    """The same without types that JSON does not have."""
    if is_dataclass(value) and not isinstance(value, type):
        return plain(asdict(value))
    if isinstance(value, Mapping):
        return {str(name): plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    if isinstance(value, date):
        return value.isoformat()
    return value if value is None or isinstance(value, bool | int | float | str) else str(value)


def from_ledger(table: str | None, row: Mapping[str, Any]) -> dict[str, Any]:
    """A row of the ledger for JSON: its JSON texts are values."""
    texts = ("key", "before", "after", "stored", "detail", "why", "gates")
    return {
        name: json.loads(value) if name in texts and value is not None else plain(value) for name, value in row.items()
    }
