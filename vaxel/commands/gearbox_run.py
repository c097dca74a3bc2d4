"""`vaxel gearbox run`: the daemon."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from schemas.errors import OutsideError, VaxelError
from vaxel.commands.gearbox_act import applied_row, print_applied
from vaxel.commands.gearbox_who import known_places
from vaxel.commands.options import DEFAULT_DATA_DIR, AsJson, DataDir

if TYPE_CHECKING:
    from sinks.records.gear.daemon import Happened

FOUND_SOMETHING = 1


def run(
    *,
    flow: Annotated[
        list[str] | None, typer.Option(help="Only this flow; may be given again.", show_default="all flows")
    ] = None,
    until_idle: Annotated[
        bool, typer.Option("--until-idle", help="Plan each flow once, apply what may go now, and end.")
    ] = False,
    metrics_port: Annotated[
        int | None, typer.Option(min=0, max=65535, help="Serve metrics on this port of loopback; 0: a free one.")
    ] = None,
    data_dir: DataDir = DEFAULT_DATA_DIR,
    as_json: AsJson = False,
) -> None:
    """Plan flows when they are due and apply what may go, at the pace of each record system, until stopped.

    Each record system has a queue, a rate, retries and a circuit breaker of its own: one that does not answer holds up
    no other. Several may run; in each system one of them writes at a time. With --json each event is a line. Exit code
    with --until-idle: 0 all is well, 1 something was left as it is or failed, 3 a record system did not answer.
    """
    from sinks.records.gear import flow as flows  # noqa: PLC0415
    from sinks.records.gear.daemon import queues, work  # noqa: PLC0415
    from sinks.records.gear.places import Clock  # noqa: PLC0415
    from vaxel.commands.stopping import until_interrupted  # noqa: PLC0415
    from vaxel.gearbox_checkpoints import checkpointing  # noqa: PLC0415
    from vaxel.gearbox_metrics import serving  # noqa: PLC0415

    chosen = [flows.load(name) for name in (flow or flows.names())]
    known = known_places(data_dir)
    worst = 0

    def tell(happened: Happened) -> None:
        nonlocal worst
        worst = max(worst, _code(happened.what))
        _tell(happened, as_json=as_json)

    own = queues(chosen, known, Clock(), tell)
    with until_interrupted() as stop, checkpointing(known, data_dir, _warn), serving(known, data_dir, metrics_port):
        faults = work(own, stop, until_idle=until_idle)
    for system, fault in faults.items():
        raise OutsideError(f"The queue of {system} ended: {' '.join(str(fault).split())}") from fault
    if until_idle and worst:
        raise typer.Exit(worst)


def _warn(sentence: str) -> None:
    typer.echo(f"vaxel: {sentence}", err=True)


def _code(what: Any) -> int:
    if isinstance(what, VaxelError):
        return what.exit_code
    return FOUND_SOMETHING if getattr(what, "left_out", 0) else 0


def _tell(happened: Happened, *, as_json: bool) -> None:
    from sinks.records.gear.applying import Applied  # noqa: PLC0415
    from sinks.records.gear.planning import Planned  # noqa: PLC0415
    from sinks.records.gear.refusals import nothing_may_go  # noqa: PLC0415
    from vaxel.commands.gearbox_text import counted  # noqa: PLC0415

    what = happened.what
    if as_json:
        row: dict[str, Any] = {"system": happened.system, "flow": happened.flow}
        if isinstance(what, Planned):
            row |= {"event": "planned", "change_set_id": what.change_set_id, "changes": len(what.change_set.changes)}
        elif isinstance(what, Applied):
            row |= {"event": "applied"} | applied_row(what)
        else:
            row |= {"event": "failed", "error": " ".join(str(what).split()), "exit_code": what.exit_code}
        typer.echo(json.dumps(row, default=str, ensure_ascii=False))
    elif isinstance(what, Planned):
        found = what.change_set
        refused = what.refused_because or nothing_may_go([change.verdict for change in found.changes])
        because = f": refused, {refused}" if refused else ""
        typer.echo(
            f"{happened.flow}: change set {what.change_set_id} planned, {counted(len(found.changes), 'change')} in "
            f"{counted(found.changed_rows, 'row')}{because}"
        )
    elif isinstance(what, Applied):
        print_applied(what)
    else:
        name = happened.flow or happened.system
        typer.echo(f"vaxel: {name}: {' '.join(str(what).split())}", err=True)
