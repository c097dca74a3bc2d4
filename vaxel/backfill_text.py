"""What a backfill found, for people and for programs. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from schemas.facts import Run, WashCycle
from schemas.forms import columns
from streams.history_report import FieldChange, Money, Report, rounded

LEFT: Mapping[str, str] = {
    "open": "still going on",
    "cut_off": "whatever ended them lies beyond what was read",
    "unsettled": "left to the stream, which may still change them (--unsettled takes them too)",
    "lake_behind": "told of an upload that came to the lake after this began: run it again",
    "uploads_gone": "no upload of them is in the lake",
    "receipts_of_before": "their receipts are from before end, programme and alerts were kept",
    "readings_gone": "not all of their readings are in the lake",
    "number_twice": "a number of their device was accepted twice",
}
"""Why sessions are left alone, in words."""
_UNITS = {"washer": WashCycle, "shoe": Run}


@dataclass(frozen=True)
class Done:
    """What ran and what came of it.

    Attributes:
        written: Versions written; None: nothing was to be written.
    """

    from_day: str
    to_day: str
    code: str
    rules: str
    snapshot: int
    reports: Mapping[str, Report]
    seconds: float
    written: int | None


def as_json(done: Done) -> dict[str, Any]:
    """The report for programs; money as decimals in texts."""
    return {
        "from": done.from_day,
        "to": done.to_day,
        "code": done.code,
        "rules": done.rules,
        "snapshot": done.snapshot,
        "seconds": round(done.seconds, 3),
        "written": done.written,
        "products": {name: _product(report) for name, report in done.reports.items()},
    }


def text_lines(done: Done) -> Iterator[str]:
    """The report for people."""
    yield (
        f"Sessions that begin from {done.from_day} to before {done.to_day} (UTC), lake snapshot {done.snapshot}, "
        f"code {done.code}, rules {done.rules}"
    )
    for name, report in done.reports.items():
        yield from _product_lines(name, report)
    changes = sum(report.changes for report in done.reports.values())
    if done.written is None:
        yield f"{changes:,} new versions would be written; nothing was (--dry-run)."
    else:
        yield f"{done.written:,} new versions written."


def _product(report: Report) -> dict[str, Any]:
    return {
        "devices": report.devices,
        "uploads": report.uploads,
        "readings": report.readings,
        "same": report.same,
        **{kind: report.kinds[kind] for kind in ("changed", "appears", "withdrawn")},
        "left": dict(report.left),
        "fields": {
            name: {
                "sessions": change.sessions,
                "sum": change.total,
                "largest": change.largest,
                "examples": [
                    {"session_id": session_id, "before": before, "after": after}
                    for session_id, before, after in change.examples
                ],
            }
            for name, change in sorted(report.fields.items())
        },
        "examples": dict(report.examples),
        "money": [
            {"currency": currency, "for": what}
            | dict(zip(("before", "after", "difference"), map(str, _amounts(currency, money)), strict=True))
            for (currency, what), money in sorted(report.money.items())
        ],
        "unpriced": dict(report.unpriced),
    }


def _product_lines(name: str, report: Report) -> Iterator[str]:
    kinds = report.kinds
    yield ""
    yield (
        f"{name}: {report.devices:,} devices, {report.readings:,} readings. {report.same:,} sessions stay as they are, "
        f"{kinds['changed']:,} change, {kinds['appears']:,} appear, {kinds['withdrawn']:,} are withdrawn."
    )
    for reason, count in sorted(report.left.items()):
        yield f"  {count:,} left alone: {LEFT.get(reason, reason)}"
    for kind, ids in sorted(report.examples.items()):
        yield f"  {'appear' if kind == 'appears' else kind}: {', '.join(ids)}{' ...' if kinds[kind] > len(ids) else ''}"
    if report.fields:
        yield from _table(
            ("field", "sessions", "sum of differences", "largest", "for example"),
            [_field_row(name, field_name, change) for field_name, change in sorted(report.fields.items())],
        )
    yield from _money_lines(report)
    for what, count in sorted(report.unpriced.items()):
        yield f"  no price for {what} in the rule file: {count:,} sessions are in no sum"


def _money_lines(report: Report) -> Iterator[str]:
    """What is to be paid otherwise; what stays the same to the last coin is left out."""
    rows = []
    for (currency, what), own in sorted(report.money.items()):
        before, after, difference = _amounts(currency, own)
        if difference:
            rows.append((currency, what, f"{before:,}", f"{after:,}", f"{difference:+,}"))
    if rows:
        yield from _table(("money", "for", "before", "after", "difference"), rows)
    elif report.money:
        yield "  money: what is to be paid stays the same to the last coin"


def _amounts(currency: str, money: Money) -> tuple[Decimal, Decimal, Decimal]:
    """Before, after, and their difference as they are told, so that a row adds up."""
    before, after = rounded(money.before, currency), rounded(money.after, currency)
    return before, after, after - before


def _field_row(product: str, name: str, change: FieldChange) -> Sequence[str]:
    column = next((column for column in columns(_UNITS[product]) if column.name == name), None)
    is_instant = column is not None and column.is_instant
    unit = "ms" if is_instant else "" if column is None else column.unit
    session_id, before, after = change.examples[0]
    shown = _instant if is_instant else _shown
    return (
        f"{name} [{unit}]" if unit not in ("", "1") else name,
        f"{change.sessions:,}",
        _difference(change.total),
        _difference(change.largest),
        f"{session_id}: {shown(before)} -> {shown(after)}",
    )


def _difference(value: float | None) -> str:
    """Whole numbers to the last digit, since they are counts and milliseconds."""
    return "" if value is None else f"{value:+,}" if isinstance(value, int) else f"{value:+,.6g}"


def _instant(at_ms: int) -> str:
    instant = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=at_ms)
    return instant.isoformat(" ", "milliseconds").replace("+00:00", "Z")


def _shown(value: Any) -> str:
    if isinstance(value, list):
        return "[" + ", ".join(map(_shown, value)) + "]"
    return f"{value:.6g}" if isinstance(value, float) else "null" if value is None else str(value)


def _table(heading: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    cells = [heading, *rows]
    widths = [max(len(row[place]) for row in cells) for place in range(len(heading))]
    for row in cells:
        first, *others = (
            cell.ljust(width) if place in (0, len(row) - 1) else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        yield f"  {'  '.join([first, *others])}".rstrip()
