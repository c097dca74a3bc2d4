"""What `vaxel gearbox` prints: plans, change sets, shifts and the audit, as tables or as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import Any

import typer

from schemas.records import BY_NAME
from sinks.lake.answers import table_lines
from sinks.records.gearbox import End, Failed, Planned, Shift
from sinks.records.ledger import Entry, key_json
from sinks.records.plan import Change, ChangeSet
from sinks.records.values import Json

ROWS_SHOWN = 10
KEYS_SHOWN = 5


def tell(end: End) -> None:
    """Say what became of a flow."""
    if isinstance(end, Planned):
        print_plan(end)
    elif isinstance(end, Shift):
        print_shift(end)


def tell_failed(ends: Iterable[End]) -> None:
    """Say which flows failed, in a line on stderr for each reason."""
    flows: dict[str, list[str]] = {}
    for end in ends:
        if isinstance(end, Failed):
            flows.setdefault(_one_line(end), []).append(end.flow)
    for reason, names in flows.items():
        typer.echo(f"vaxel: {', '.join(names)}: {reason}", err=True)


def row(end: End) -> dict[str, Any]:
    """What became of a flow, for JSON."""
    if isinstance(end, Failed):
        return {"flow": end.flow, "error": _one_line(end)}
    return plan_row(end) if isinstance(end, Planned) else shift_row(end)


def _one_line(failed: Failed) -> str:
    return " ".join(str(failed.error).split())


def print_plan(planned: Planned) -> None:
    found, verdict = planned.change_set, planned.verdict
    number = "" if planned.change_set_id is None else f"change set {planned.change_set_id}, "
    counts = f"{len(found.changes)} changes in {found.changed_rows} of {found.target_rows} rows"
    typer.echo(
        f"{found.flow}: {number}{counts}, lake snapshot {found.lake_snapshot}: {verdict.decision}, {verdict.reason}"
    )
    _print_missing(found)
    if found.changes:
        _print_table(_change_header(found), map(_change_cells, found.changes), ROWS_SHOWN)


def print_entry(entry: Entry) -> None:
    found = entry.change_set
    typer.echo(
        f"change set {entry.change_set_id} of {found.flow} {found.flow_version}: {entry.status}, "
        f"lake snapshot {found.lake_snapshot}, planned by {entry.planned_by} at {entry.planned_at:%Y-%m-%d %H:%M:%S%z}"
    )
    if entry.reason is not None:
        typer.echo(entry.reason)
    if entry.applied_at is not None:
        typer.echo(f"applied by {entry.applied_by} at {entry.applied_at:%Y-%m-%d %H:%M:%S%z}")
    _print_missing(found)
    rows = ([*_change_cells(change), status] for change, status in zip(found.changes, entry.statuses, strict=True))
    _print_table([*_change_header(found), "status"], rows, len(found.changes))


def print_shift(shift: Shift) -> None:
    flow, left = shift.change_set.flow, shift.conflict_rows
    if shift.verdict.decision == "refused":
        typer.echo(f"{flow}: change set {shift.change_set_id} refused, {shift.verdict.reason}")
    else:
        conflicts = f"; {left} rows left as they are: somebody else changed them" if left else ""
        typer.echo(f"{flow}: {shift.changes} changes in {shift.rows} rows written{conflicts}")
    _print_missing(shift.change_set)


def _print_missing(found: ChangeSet) -> None:
    if not found.missing_rows:
        return
    shown = [" ".join(map(str, key)) for key in found.missing_keys[:KEYS_SHOWN]]
    more = f" and {found.missing_rows - len(shown)} more" if found.missing_rows > len(shown) else ""
    typer.echo(f"{found.flow}: {found.target_table} has no row for {', '.join(shown)}{more}; none was added")


def print_log(rows: Sequence[dict[str, Any]]) -> None:
    header = ("applied at", "who", "table", "key", "field", "before", "after", "set")
    _print_table(header, map(_log_cells, rows), len(rows))


def _log_cells(row: dict[str, Any]) -> list[Any]:
    key = " ".join(str(row["key"][name]) for name in BY_NAME[row["target_table"]].key)
    when = row["applied_at"].replace(microsecond=0)
    return [when, row["who"], row["target_table"], key, row["field"], row["before"], row["after"], row["change_set_id"]]


def plan_row(planned: Planned) -> dict[str, Any]:
    first = [_change_row(planned.change_set, change) for change in planned.change_set.changes[:ROWS_SHOWN]]
    return {
        "change_set_id": planned.change_set_id,
        **asdict(planned.verdict),
        **_set_row(planned.change_set),
        "first_changes": first,
    }


def entry_row(entry: Entry) -> dict[str, Any]:
    found = entry.change_set
    changes = [
        _change_row(found, change) | {"status": status}
        for change, status in zip(found.changes, entry.statuses, strict=True)
    ]
    own = {name: value for name, value in vars(entry).items() if name not in ("change_set", "statuses")}
    return own | _set_row(found) | {"changes": changes}


def shift_row(shift: Shift) -> dict[str, Any]:
    found = shift.change_set
    return {
        "flow": found.flow,
        "change_set_id": shift.change_set_id,
        "rows": shift.rows,
        "changes": shift.changes,
        "conflict_rows": shift.conflict_rows,
        "missing_rows": found.missing_rows,
        "missing_keys": _missing_keys(found),
        **asdict(shift.verdict),
    }


def print_json(report: Any) -> None:
    typer.echo(json.dumps(report, default=str, ensure_ascii=False))


def _set_row(change_set: ChangeSet) -> dict[str, Any]:
    """Counts `changes`, where the change set lists them."""
    return vars(change_set) | {
        "missing_keys": _missing_keys(change_set),
        "changes": len(change_set.changes),
        "changed_rows": change_set.changed_rows,
    }


def _missing_keys(change_set: ChangeSet) -> list[dict[str, Json]]:
    return [key_json(BY_NAME[change_set.target_table], key) for key in change_set.missing_keys]


def _change_row(change_set: ChangeSet, change: Change) -> dict[str, Any]:
    return asdict(change) | {"key": key_json(BY_NAME[change_set.target_table], change.key)}


def _change_header(change_set: ChangeSet) -> list[str]:
    return [*BY_NAME[change_set.target_table].key, "field", "before", "after"]


def _change_cells(change: Change) -> list[Any]:
    return [*change.key, change.field, change.before, change.after]


def _print_table(header: Sequence[str], rows: Iterable[Sequence[Any]], shown_rows: int) -> None:
    shown = (["-" if value is None else value for value in row] for row in rows)
    for line in table_lines(header, shown, shown_rows):
        typer.echo(line)
