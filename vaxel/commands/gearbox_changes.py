"""The changes of a set as tables: changed fields one a line, added and deleted rows as rows."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import typer

from schemas.records import BY_NAME
from vaxel.commands.gearbox_text import counted, print_table, value_of

if TYPE_CHECKING:
    from schemas.gearbox_ledger import Op
    from sinks.records.gear.reading import ChangeView, SetView

LONGEST_CELLS = 12
"""So many columns of an added row are shown; the first of the table's."""


def print_changes(view: SetView) -> None:
    """Prints the changes that the view has, and says how many more there are."""
    fields = [change for change in view.changes if change.op == "update"]
    if fields:
        _print_fields(view, fields)
    for op, title in (("insert", "rows to add"), ("delete", "rows to delete")):
        rows = [change for change in view.changes if change.op == op]
        if rows:
            _print_rows(view, rows, "insert" if op == "insert" else "delete", title)
    more = view.head.changes - len(view.changes)
    if more > 0:
        typer.echo(f"{counted(more, 'more change')}; all of them: --changes 0")


def _print_fields(view: SetView, changes: Sequence[ChangeView]) -> None:
    table, key = view.head.target_table, _key_names(view)
    tail = _tails(changes)
    rows = []
    for change in changes:
        before, after = (value_of(table, change.field, text) for text in (change.before, change.after))
        rows.append([*_key_values(view, change), change.field, before, after, *_tail(view, change, tail)])
    print_table([*key, "field", "before", "after", *tail], rows)


def _print_rows(view: SetView, changes: Sequence[ChangeView], op: Op, title: str) -> None:
    table = view.head.target_table
    by_key: dict[str, dict[str, ChangeView]] = {}
    for change in changes:
        by_key.setdefault(change.key, {})[change.field] = change
    names = list(dict.fromkeys(change.field for change in changes))
    shown, tail = names[: LONGEST_CELLS - len(_key_names(view))], _tails(changes)
    rows = []
    for fields in by_key.values():
        first = next(iter(fields.values()))
        cells = [_value(table, fields.get(name), op) for name in shown]
        rows.append([*_key_values(view, first), *cells, *_tail(view, first, tail)])
    typer.echo(f"{title}:")
    print_table([*_key_names(view), *shown, *tail], rows)
    if len(names) > len(shown):
        typer.echo(f"not shown: {', '.join(names[len(shown) :])}")


def _value(table: str, change: ChangeView | None, op: Op) -> Any:
    if change is None:
        return None
    return value_of(table, change.field, change.after if op == "insert" else change.before)


def _tails(changes: Sequence[ChangeView]) -> list[str]:
    """Columns that differ among the changes; what is the same for all is said once, above."""
    tail = []
    if len({(change.decision, change.reason) for change in changes}) > 1:
        tail += ["decision", "reason"]
    if len({change.outcome for change in changes}) > 1 or any(change.detail for change in changes):
        tail += ["outcome", "told"]
    return tail


def _tail(view: SetView, change: ChangeView, tail: Sequence[str]) -> list[Any]:
    is_approved = view.head.is_approved and change.decision == "needs_approval"
    cells = {
        "decision": "approved" if is_approved else change.decision.replace("_", " "),
        "reason": change.reason,
        "outcome": change.outcome.replace("_", " "),
        "told": _told(change),
    }
    return [cells[name] for name in tail]


def _told(change: ChangeView) -> str | None:
    detail = None if change.detail is None else json.loads(change.detail)
    return str(detail["reason"]) if isinstance(detail, dict) and detail.get("reason") else None


def _key_names(view: SetView) -> list[str]:
    known = BY_NAME.get(view.head.target_table)
    return list(known.key) if known is not None else ["key"]


def _key_values(view: SetView, change: ChangeView) -> list[Any]:
    if view.head.target_table not in BY_NAME:
        return [change.key]
    return [value_of(view.head.target_table, name, json.dumps(part)) for name, part in json.loads(change.key).items()]
