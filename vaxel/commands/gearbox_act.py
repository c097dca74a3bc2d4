"""`vaxel gearbox plan | approve | reject | apply`: what changes the ledger or a record system."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from schemas.errors import UsageError, VaxelError
from vaxel.commands.gearbox_who import By, author, known_places, user
from vaxel.commands.options import DEFAULT_DATA_DIR, AsJson, DataDir, by_words, command

if TYPE_CHECKING:
    from sinks.records.gear.applying import Applied
    from sinks.records.gear.flow import Flow
    from sinks.records.gear.places import Places

FOUND_SOMETHING = 1
LONGEST_NUMBER = 100
"""Of digits; Python reads no number of thousands of them."""

SetId = Annotated[int, typer.Argument(metavar="ID", help="Number of the change set.")]
Reason = Annotated[str, typer.Option(help="Why; goes into the audit.")]


def plan(
    flow: Annotated[str | None, typer.Argument(help="Flow to plan.", show_default="all flows")] = None,
    *,
    everything: Annotated[bool, typer.Option("--all", help="Plan all flows, as without FLOW.")] = False,
    snapshot: Annotated[
        int | None, typer.Option(min=0, help="Lake snapshot to plan from.", show_default="newest")
    ] = None,
    by: By = None,
    data_dir: DataDir = DEFAULT_DATA_DIR,
    as_json: AsJson = False,
) -> None:
    """Show what a flow would change, and keep it as a change set. No record is touched.

    A newer plan of a flow supersedes its older one, unless both want the same: then the older one stays, with its
    approvals. Exit code 1 when a plan as a whole is refused, over a limit of its flow say; changes that are refused
    one by one do not count. A flow that fails holds up no other.
    """
    from sinks.records.gear import flow as flows  # noqa: PLC0415
    from sinks.records.gear.places import Clock  # noqa: PLC0415
    from sinks.records.gear.planning import plan_flow  # noqa: PLC0415
    from vaxel.commands import gearbox_report as report  # noqa: PLC0415

    if flow is not None and everything:
        raise UsageError(f"Cannot tell what to plan: give either the flow {flow!r} or --all.")
    chosen = [flows.load(flow).name] if flow is not None else flows.names()
    known = known_places(data_dir)
    who = author(known, by)

    def one(name: str) -> tuple[Any, int]:
        planned = plan_flow(flows.load(name), known, who, Clock(), snapshot)
        if not as_json:
            report.print_planned(planned, data_dir, by)
        return report.planned_row(planned), FOUND_SOMETHING * (planned.refused_because is not None)

    _each(chosen, one, as_json=as_json)


def apply(
    what: Annotated[str | None, typer.Argument(metavar="[ID|FLOW]", help="An open change set, or a flow.")] = None,
    *,
    everything: Annotated[bool, typer.Option("--all", help="Apply the open change sets of all flows.")] = False,
    by: By = None,
    data_dir: DataDir = DEFAULT_DATA_DIR,
    as_json: AsJson = False,
) -> None:
    """Write what may go now of a change set, or of a flow's open sets, oldest first, at the pace of the record system.

    What waits for its gear, for the end of a freeze or for an approval stays in the set; call again, or let
    `vaxel gearbox run` do it. A set that is applied already writes nothing. Exit code 1 when something was left as it
    is: somebody had changed it meanwhile, or the record system refused it.
    """
    from sinks.records.database import session  # noqa: PLC0415
    from sinks.records.gear import flow as flows  # noqa: PLC0415
    from sinks.records.gear import sets  # noqa: PLC0415

    if (what is None) != everything:
        raise UsageError("Cannot tell what to apply: give either the number of a change set, or a flow, or --all.")
    number = int(what) if what is not None and what.isdecimal() and len(what) < LONGEST_NUMBER else None
    names = flows.names() if what is None or number is not None else [flows.load(what).name]
    known = known_places(data_dir)
    who = author(known, by)
    with session(known.ledger) as connection:
        if number is not None:
            wanted = {number: sets.load(connection, number, []).change_set.flow}
        else:
            systems = sorted({name.partition(".")[0] for name in names})
            found = {own: name for system in systems for own, name in sets.open_sets(connection, system).items()}
            wanted = {own: name for own, name in found.items() if what is None or name == what}
    if not wanted and not as_json:
        typer.echo("nothing to apply: no change set is open")

    def one(number: int) -> tuple[Any, int]:
        applied = applied_set(number, flows.load(wanted[number]), known, who, data_dir, is_silent=as_json)
        return applied_row(applied), FOUND_SOMETHING * (applied.left_out > 0)

    _each(list(wanted), one, as_json=as_json)


def approve(
    change_set_id: SetId,
    *,
    now: Annotated[
        bool, typer.Option("--now", help="Gears and windows do not hold it up; freezes do all the same.")
    ] = False,
    reason: Annotated[str | None, typer.Option(help="Why; goes into the audit.")] = None,
    by: By = None,
    data_dir: DataDir = DEFAULT_DATA_DIR,
    as_json: AsJson = False,
) -> None:
    """Approve a change set, exactly as it is: a set with other content needs an approval of its own.

    Who approves is known (vaxel gearbox people), holds the role that the flow asks for, and is not who planned it.
    """
    from sinks.records.gear import approvals  # noqa: PLC0415
    from sinks.records.gear.places import Clock  # noqa: PLC0415

    known = known_places(data_dir)
    given = approvals.approve(known.ledger, change_set_id, user(by), Clock().now(), is_immediate=now, reason=reason)
    if as_json:
        typer.echo(json.dumps(vars(given), default=str, ensure_ascii=False))
    else:
        at_once = ", to go at once: gears do not hold it up, freezes do" if given.is_immediate else ""
        typer.echo(f"change set {change_set_id} approved by {given.person} as {given.role}{at_once}")
        typer.echo(f"apply it: {command('gearbox', 'apply', change_set_id, *by_words(by), data_dir=data_dir)}")


def reject(
    change_set_id: SetId,
    *,
    reason: Reason,
    by: By = None,
    data_dir: DataDir = DEFAULT_DATA_DIR,
    as_json: AsJson = False,
) -> None:
    """Reject a change set: nothing more of it is written. The next plan may propose the same again."""
    from sinks.records.gear import approvals  # noqa: PLC0415
    from sinks.records.gear.places import Clock  # noqa: PLC0415

    known = known_places(data_dir)
    given = approvals.reject(known.ledger, change_set_id, user(by), Clock().now(), reason=reason)
    if as_json:
        typer.echo(json.dumps(vars(given), default=str, ensure_ascii=False))
    else:
        typer.echo(f"change set {change_set_id} rejected by {given.person} as {given.role}")


def applied_set(number: int, flow: Flow, known: Places, who: str, data_dir: Any, *, is_silent: bool) -> Applied:
    """Applies a set, with a line of progress on a terminal and one of what became of it."""
    from sinks.records.gear.applying import apply_set  # noqa: PLC0415
    from sinks.records.gear.places import Clock  # noqa: PLC0415
    from vaxel.commands.showing import progress  # noqa: PLC0415

    with progress(f"{flow.name}: change set {number}", "changes", quiet=is_silent) as show:
        applied = apply_set(
            number, flow, known, who, Clock(), tell=lambda done, total: show(done / max(total, 1), done)
        )
    if not is_silent:
        print_applied(applied)
    return applied


def print_applied(applied: Applied) -> None:
    """Says what a call wrote, and what is left and why."""
    from vaxel.commands.gearbox_text import counted  # noqa: PLC0415

    left = [
        _told(applied.left_out, "left as it is", "left as they are", ": changed meanwhile, or turned down"),
        _told(applied.waiting, "waits", "wait", _until(applied.not_before)),
        _told(applied.needing_approval, "needs an approval", "need an approval"),
        _told(applied.refused, "refused", "refused"),
    ]
    typer.echo(
        f"{applied.flow}: change set {applied.change_set_id} {applied.status}: "
        f"{counted(applied.changes, 'field')} in {counted(applied.rows, 'row')} written"
        + "".join(f"; {part}" for part in left if part)
    )
    for reason in applied.reasons[:5]:
        typer.echo(f"  {reason}")


def applied_row(applied: Applied) -> dict[str, Any]:
    return vars(applied)


def _told(number: int, one: str, many: str, more: str = "") -> str:
    return f"{number:,} {one if number == 1 else many}{more}" if number else ""


def _until(at: datetime | None) -> str:
    return "" if at is None else f" until {at:%Y-%m-%d %H:%M} UTC"


def _each(things: list[Any], work: Callable[[Any], tuple[Any, int]], *, as_json: bool) -> None:
    """Does each; one that fails holds up no other, and the worst of them gives the exit code."""
    rows, worst = [], 0
    for thing in things:
        try:
            row, code = work(thing)
        except VaxelError as error:
            told = " ".join(str(error).split())
            name = f"change set {thing}" if isinstance(thing, int) else thing
            row, code = {"of": name, "error": told}, error.exit_code
            is_named = told.lower().startswith(name.lower())
            typer.echo(f"vaxel: {told}" if is_named else f"vaxel: {name}: {told}", err=True)
        rows.append(row)
        worst = max(worst, code)
    if as_json:
        typer.echo(json.dumps(rows, default=str, ensure_ascii=False))
    if worst:
        raise typer.Exit(worst)
