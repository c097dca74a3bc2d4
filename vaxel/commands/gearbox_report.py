"""What `vaxel gearbox plan` and `undo` print of a change set as it was planned: as lines, or as JSON."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from schemas.gearbox_ledger import Decision
from sinks.records.gear.changes import ChangeSet, Verdict
from vaxel.commands.gearbox_next import open_steps, step_lines
from vaxel.commands.gearbox_text import counted, key_told, plain, verdict_told

if TYPE_CHECKING:
    from sinks.records.gear.planning import Planned

KEYS_SHOWN = 5
REASONS_SHOWN = 10
_ORDER: tuple[Decision, ...] = ("go", "wait", "needs_approval", "refused")


def print_planned(planned: Planned, data_dir: Path, by: str | None = None) -> None:
    """Say what a plan, or the way back of one, would do, and what to do next.

    Args:
        by: Who asked for it, where they named themselves.
    """
    for line in planned_lines(planned, data_dir, by):
        typer.echo(line)


def planned_lines(planned: Planned, data_dir: Path, by: str | None = None) -> list[str]:
    """Lines about a set as it was judged when planned."""
    found, number = planned.change_set, planned.change_set_id
    table, rows = found.target_table, counted(found.target_rows, "row")
    snapshot = f"lake snapshot {found.lake_snapshot}"
    missing = missing_told(table, found.missing_rows, found.missing_keys)
    tail = [] if missing is None else [f"  {missing}"]
    if number is None or not found.changes:
        return [f"{found.flow}: nothing to change in {rows} of {table}, {snapshot}", *tail]
    same = "" if planned.is_new else ", as planned before"
    sums = [f"{amount:,} {currency or 'in money'}" for currency, amount in sorted(found.moved.items())]
    money = "" if found.money is None else f", moving {' and '.join(sums) or f'{found.money} in money'}"
    new = found.changed_rows - found.held_rows
    # Where no row may be touched, as after billing's close, none counts as there, though the table need not be empty.
    held = f"{found.held_rows:,} of {rows}" if found.target_rows else counted(found.held_rows, "row")
    parts = [*([held] if found.held_rows else ()), *([counted(new, "new row")] if new else ())]
    where = f"{' and '.join(parts)} of {table}"
    changes = counted(len(found.changes), "change")
    lines = [f"{found.flow}: change set {number}{same}: {changes} in {where}{money}, {snapshot}"]
    if planned.refused_because is not None:
        return [*lines, f"  refused: {planned.refused_because}", *tail]
    judged, approver = tallied(found), " and ".join(planned.approved_by) or None
    lines += [f"  {verdict_told(count, one.decision, one.reason, one.not_before, approver)}" for one, count in judged][
        :REASONS_SHOWN
    ]
    if len(judged) > REASONS_SHOWN:
        lines.append(f"  and for {len(judged) - REASONS_SHOWN} more reasons")
    kept = {(one.decision, one.not_before) for one, _ in judged}
    return [*lines, *tail, *step_lines(open_steps(number, kept, data_dir, is_approved=approver is not None, by=by))]


def planned_row(planned: Planned) -> dict[str, Any]:
    """The same for JSON, without the changes: `show` has them."""
    found = planned.change_set
    row: dict[str, Any] = plain(
        {
            "flow": found.flow,
            "change_set_id": planned.change_set_id,
            "kind": found.kind,
            "is_new": planned.is_new,
            "undoes": found.undoes,
            "flow_version": found.flow_version,
            "lake_snapshot": found.lake_snapshot,
            "system": found.system,
            "target_table": found.target_table,
            "target_rows": found.target_rows,
            "changes": len(found.changes),
            "changed_rows": found.changed_rows,
            "money": found.money,
            "missing_rows": found.missing_rows,
            "missing_keys": [json.loads(key) for key in found.missing_keys],
            "refused_because": planned.refused_because,
            "tallies": [asdict(verdict) | {"changes": count} for verdict, count in tallied(found)],
        }
    )
    return row


def tallied(change_set: ChangeSet) -> list[tuple[Verdict, int]]:
    """How many changes were judged alike: what goes first, of each decision the most first."""
    counts = Counter(change.verdict for change in change_set.changes)
    return sorted(counts.items(), key=lambda item: (_ORDER.index(item[0].decision), -item[1], item[0].reason))


def missing_told(table: str, rows: int, keys: Sequence[str]) -> str | None:
    """The keys without a row of the target, the first of them by name; None without any."""
    if not rows:
        return None
    shown = [str(key_told(key)) for key in keys[:KEYS_SHOWN]]
    more = f" and {rows - len(shown):,} more" if rows > len(shown) else ""
    return f"{table} has no row for {', '.join(shown)}{more}; none is added"
