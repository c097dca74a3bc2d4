"""`vaxel gearbox plan | show | apply | log`: carry facts of the lake into the record systems."""

from __future__ import annotations

import getpass
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from schemas.errors import UsageError
from vaxel.commands.options import DEFAULT_DATA_DIR, AsJson, DataDir

if TYPE_CHECKING:
    from sinks.records.gearbox import End

FOUND_SOMETHING = 1

app = typer.Typer(
    help="Carry facts of the lake into the record systems: plan, look, apply, look back.", no_args_is_help=True
)

By = Annotated[str | None, typer.Option("--by", help="Who asks for it; goes into the audit.", show_default="you")]


@app.command()
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

    Exit code 1 when a plan is refused, over its flow's limits for example. A flow that fails holds up no other.
    """
    from sinks.records import flow as flows  # noqa: PLC0415
    from sinks.records.gearbox import each, plan_flow  # noqa: PLC0415
    from vaxel.commands import gearbox_report as report  # noqa: PLC0415
    from vaxel.settings import addresses  # noqa: PLC0415

    if flow is not None and everything:
        raise UsageError(f"Cannot tell what to plan: give either the flow {flow!r} or --all.")
    chosen = [flows.load(name) for name in ([flow] if flow is not None else flows.names())]
    known, who = addresses(os.environ, data_dir), by or _user()
    tell = _silent if as_json else report.tell
    _finish(
        each(chosen, lambda entry: plan_flow(entry, known.catalog, known.records, who, snapshot), tell), as_json=as_json
    )


@app.command()
def show(
    change_set_id: Annotated[int, typer.Argument(metavar="ID", help="Number of the change set.")],
    *,
    data_dir: DataDir = DEFAULT_DATA_DIR,
    as_json: AsJson = False,
) -> None:
    """Show a change set: its changes, and what became of each."""
    from sinks.records import ledger  # noqa: PLC0415
    from vaxel.commands import gearbox_report as report  # noqa: PLC0415
    from vaxel.settings import addresses  # noqa: PLC0415

    entry = ledger.load(addresses(os.environ, data_dir).records, change_set_id)
    if as_json:
        report.print_json(report.entry_row(entry))
    else:
        report.print_entry(entry)


@app.command()
def apply(
    what: Annotated[str | None, typer.Argument(metavar="[ID|FLOW]", help="A planned change set, or a flow.")] = None,
    *,
    everything: Annotated[bool, typer.Option("--all", help="Plan and apply all flows.")] = False,
    by: By = None,
    data_dir: DataDir = DEFAULT_DATA_DIR,
    as_json: AsJson = False,
) -> None:
    """Apply a change set by its number; or plan a flow and apply the plan.

    Exit code 1 when a plan was refused, or a row had been changed by somebody else meanwhile (it stays as it is). A
    flow that fails holds up no other; the worst of them gives the exit code.
    """
    from sinks.records import flow as flows  # noqa: PLC0415
    from sinks.records.gearbox import apply_kept, each, shift  # noqa: PLC0415
    from vaxel.commands import gearbox_report as report  # noqa: PLC0415
    from vaxel.settings import addresses  # noqa: PLC0415

    if (what is None) != everything:
        raise UsageError("Cannot tell what to apply: give either the number of a change set, or a flow, or --all.")
    known, who = addresses(os.environ, data_dir), by or _user()
    tell = _silent if as_json else report.tell
    if what is not None and what.isdecimal():
        shifted = apply_kept(int(what), known.records, who)
        tell(shifted)
        _finish([shifted], as_json=as_json)
    else:
        chosen = [flows.load(name) for name in (flows.names() if what is None else [what])]
        _finish(each(chosen, lambda flow: shift(flow, known.catalog, known.records, who), tell), as_json=as_json)


@app.command()
def log(
    *,
    table: Annotated[str | None, typer.Option(help="Only this record table, such as erp.monthly_sales.")] = None,
    key: Annotated[list[str] | None, typer.Option(metavar="NAME=VALUE", help="Only rows with this key.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="At most so many, newest first.")] = 50,
    data_dir: DataDir = DEFAULT_DATA_DIR,
    as_json: AsJson = False,
) -> None:
    """Show the audit: who changed which field when, from what to what, and why."""
    from schemas.records import BY_NAME  # noqa: PLC0415
    from sinks.records import audit  # noqa: PLC0415
    from vaxel.commands import gearbox_report as report  # noqa: PLC0415
    from vaxel.settings import addresses  # noqa: PLC0415

    if table is not None and table not in BY_NAME:
        raise UsageError(f"There is no record table {table!r}; tables are {', '.join(BY_NAME)}.")
    parts = [part.partition("=") for part in key or []]
    if not all(name and equals for name, equals, _value in parts):
        raise UsageError(f"Cannot read --key {' '.join(key or [])!r}: give NAME=VALUE, such as material=WM-8030.")
    wanted = {name: value for name, _equals, value in parts} or None
    rows = audit.log(addresses(os.environ, data_dir).records, table, wanted, limit)
    if as_json:
        report.print_json(rows)
    else:
        report.print_log(rows)


def _user() -> str:
    """Who calls; in a container the user may have a number only."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # OSError from Python 3.13 on
        return f"uid {os.getuid()}"


def _silent(_: End) -> None:
    """JSON is printed as a whole."""


def _finish(ends: Sequence[End], *, as_json: bool) -> None:
    from sinks.records.gearbox import Failed  # noqa: PLC0415
    from vaxel.commands import gearbox_report as report  # noqa: PLC0415

    if as_json:
        report.print_json([report.row(end) for end in ends])
    report.tell_failed(ends)
    codes = [end.error.exit_code if isinstance(end, Failed) else FOUND_SOMETHING * end.needs_a_look for end in ends]
    if any(codes):
        raise typer.Exit(max(codes))
