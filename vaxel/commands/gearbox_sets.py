"""`vaxel gearbox list` and `vaxel gearbox show`: change sets, what they would do and what became of them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from schemas.errors import UsageError
from vaxel.commands.options import DEFAULT_DATA_DIR, AsJson, DataDir

if TYPE_CHECKING:
    from sinks.records.gear.reading import SetHead, SetView, Tally

CHANGES_SHOWN = 20
TALLIES_SHOWN = 20
_HEAD = ("set", "kind", "flow", "status", "approval", "changes", "written", "left out", "refused", "age", "by")


def list_sets(
    *,
    flow: Annotated[str | None, typer.Option(help="Only of this flow.")] = None,
    is_open: Annotated[
        bool, typer.Option("--open", help="Only those of which something may still be written.")
    ] = False,
    limit: Annotated[int, typer.Option(min=1, help="At most so many, newest first.")] = 50,
    data_dir: DataDir = DEFAULT_DATA_DIR,
    as_json: AsJson = False,
) -> None:
    """List change sets, newest first: how many changes each holds, and what became of them.

    Approval is how many changes wait for one, or `given`. Left out are changes that were sent and not written: somebody
    had changed the field meanwhile, or the record system turned them down. Refused are those that the gearbox does not
    send; vaxel gearbox show says why.
    """
    from sinks.records.gear.places import Clock  # noqa: PLC0415
    from sinks.records.gear.reading import looking, sets  # noqa: PLC0415
    from vaxel.commands import gearbox_text as text  # noqa: PLC0415

    if flow is not None:
        _check_flow(flow)
    with looking(_ledger(data_dir)) as connection:
        found = sets(connection, flow=flow, is_open=is_open, limit=limit)
    if as_json:
        text.print_json(found)
        return
    now = Clock().now()
    text.print_table(_HEAD, (_head_cells(head, now) for head in found))


def show(
    change_set_id: Annotated[int, typer.Argument(metavar="ID", help="Number of the change set.")],
    *,
    changes: Annotated[
        int, typer.Option(min=0, metavar="N", help="Show so many changes; a new row counts as one. 0: all.")
    ] = CHANGES_SHOWN,
    data_dir: DataDir = DEFAULT_DATA_DIR,
    as_json: AsJson = False,
) -> None:
    """Show a change set: what it would do, who approved it, what became of each change, and what to do next."""
    from sinks.records.gear.places import Clock  # noqa: PLC0415
    from sinks.records.gear.reading import looking, one_set  # noqa: PLC0415
    from vaxel.commands import gearbox_changes  # noqa: PLC0415
    from vaxel.commands import gearbox_text as text  # noqa: PLC0415

    with looking(_ledger(data_dir)) as connection:
        view = one_set(connection, change_set_id, changes or None)
    now = Clock().now()
    if as_json:
        text.print_json(set_row(view, now, data_dir))
        return
    for line in set_lines(view, now, data_dir):
        typer.echo(line)
    gearbox_changes.print_changes(view)


def set_row(view: SetView, now: datetime, data_dir: Path) -> dict[str, Any]:
    """The set for JSON."""
    from vaxel.commands.gearbox_next import next_steps  # noqa: PLC0415
    from vaxel.commands.gearbox_text import from_ledger  # noqa: PLC0415

    table = view.head.target_table
    return {
        **asdict(view.head),
        "approvals": [asdict(word) for word in view.approvals],
        "tallies": [asdict(tally) for tally in view.tallies],
        "next": [asdict(step) for step in next_steps(view.head, view.tallies, now, data_dir)],
        "changes_shown": [from_ledger(table, asdict(change)) for change in view.changes],
    }


def set_lines(view: SetView, now: datetime, data_dir: Path) -> list[str]:
    """All of the set but its changes."""
    from vaxel.commands.gearbox_next import next_steps, step_lines  # noqa: PLC0415

    head = view.head
    lines = [_title(head, now), _paragraph(head, now), *_reason_lines(head)]
    lines += _tally_lines(view)
    lines += _missing_lines(head)
    lines += _approval_lines(view)
    return lines + step_lines(next_steps(head, view.tallies, now, data_dir))


def _title(head: SetHead, now: datetime) -> str:
    from vaxel.commands.gearbox_text import age_told, instant_told  # noqa: PLC0415

    title = (
        f"change set {head.change_set_id}, {_kind(head)} of {head.flow} (version {head.flow_version}): {head.status}"
    )
    if head.status == "open":
        left_s = (head.expires_at - now).total_seconds()
        return f"{title}, {f'void in {age_told(left_s)}' if left_s > 0 else 'void: it has expired'}"
    return title if head.closed_at is None else f"{title} at {instant_told(head.closed_at)}"


def _kind(head: SetHead) -> str:
    if head.kind == "plan":
        return "a plan"
    way = "the way back" if head.kind == "undo" else "credit lines"
    return way if head.undoes is None else f"{way} of change set {head.undoes}"


def _paragraph(head: SetHead, now: datetime) -> str:
    from vaxel.commands.gearbox_text import age_told, counted, instant_told, told  # noqa: PLC0415

    money = "" if head.money is None else f", moving {told(head.money)} at most in any one currency"
    where = f"of the {head.target_rows:,} in" if head.target_rows else "new to"
    age = age_told((now - head.planned_at).total_seconds())
    return (
        f"It holds {counted(head.changes, 'change')} in {counted(head.changed_rows, 'row')} "
        f"{where} {head.target_table}{money}, from lake snapshot {head.lake_snapshot}; planned by "
        f"{head.planned_by} at {instant_told(head.planned_at)}, {age} ago."
    )


def _reason_lines(head: SetHead) -> list[str]:
    return [] if head.reason is None else [f"reason: {head.reason}"]


def _tally_lines(view: SetView) -> list[str]:
    more = len(view.tallies) - TALLIES_SHOWN
    lines = [f"  {_tally_told(tally, approved_by(view))}" for tally in view.tallies[:TALLIES_SHOWN]]
    return [*lines, f"  and for {more} more reasons"] if more > 0 else lines


def _tally_told(tally: Tally, approver: str | None) -> str:
    from vaxel.commands.gearbox_text import counted, verdict_told  # noqa: PLC0415

    rows = f"in {counted(tally.rows, 'row')}"
    if tally.decision is not None:
        judged = verdict_told(tally.changes, tally.decision, tally.reason, tally.not_before, approver)
        is_over = tally.outcome == "never" and tally.decision != "refused"
        return f"{judged} {rows}{', and never went: the set is closed' if is_over else ''}"
    outcome = {"sent": "on their way", "left_out": "not written", "turned_down": "turned down by the system",
               "conflict": "left alone", "written": "written"}[tally.outcome]  # fmt: skip
    reason = tally.reason.removeprefix("turned down: ")
    return f"{counted(tally.changes, 'change')} {rows}: {outcome}{f' ({reason})' if reason else ''}"


def approved_by(view: SetView) -> str | None:
    """Who approved what the set holds, in the order in which they did; None: nobody, or it was rejected since."""
    if not view.head.is_approved:
        return None
    return " and ".join(dict.fromkeys(word.person for word in view.approvals if word.fits and word.is_approved))


def _missing_lines(head: SetHead) -> list[str]:
    from vaxel.commands.gearbox_report import missing_told  # noqa: PLC0415

    told = missing_told(head.target_table, head.missing_rows, head.missing_keys)
    return [] if told is None else [told]


def _approval_lines(view: SetView) -> list[str]:
    from vaxel.commands.gearbox_text import instant_told  # noqa: PLC0415

    lines = []
    for word in view.approvals:
        said = "approved" if word.is_approved else "rejected"
        at_once = ", to go without waiting for its window" if word.is_immediate else ""
        why = "" if word.reason is None else f": {word.reason}"
        old = "" if word.fits else " (of another content; does not count)"
        lines.append(f"{said} by {word.person} as {word.role} at {instant_told(word.decided_at)}{at_once}{why}{old}")
    return lines or ["approved by nobody"]


def _head_cells(head: SetHead, now: datetime) -> Sequence[Any]:
    from vaxel.commands.gearbox_text import ago  # noqa: PLC0415

    return [
        head.change_set_id,
        "credit" if head.kind == "compensate" else head.kind,
        head.flow,
        head.status,
        "given" if head.is_approved else head.needing_approval or None,
        head.changes,
        head.written,
        head.left_out,
        head.refused,
        ago(head.planned_at, now),
        head.planned_by,
    ]


def _check_flow(name: str) -> None:
    from sinks.records.gear.flow import names  # noqa: PLC0415

    if name not in names():
        raise UsageError(f"There is no flow {name!r}; flows are {', '.join(names())}.")


def _ledger(data_dir: Path) -> str:
    from sinks.records.gear.systems import ledger_address  # noqa: PLC0415
    from vaxel.settings import addresses  # noqa: PLC0415

    return ledger_address(os.environ, addresses(os.environ, data_dir).records)
