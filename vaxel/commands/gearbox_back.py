"""`vaxel gearbox undo | restored`: back to what was before, by the gearbox itself or by a record system's backup."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated

import typer

from schemas.errors import UsageError
from vaxel.commands.gearbox_act import Reason, SetId
from vaxel.commands.gearbox_who import By, author, known_places, user
from vaxel.commands.options import DEFAULT_DATA_DIR, AsJson, DataDir, by_words, command

if TYPE_CHECKING:
    from sinks.records.gear.flow import Flow


def undo(
    change_set_id: SetId,
    *,
    reason: Reason,
    key: Annotated[
        list[str] | None, typer.Option(metavar="NAME=VALUE", help="Only rows with this key, or part of a key.")
    ] = None,
    field: Annotated[list[str] | None, typer.Option(help="Only this field; may be given again.")] = None,
    by: By = None,
    data_dir: DataDir = DEFAULT_DATA_DIR,
    as_json: AsJson = False,
) -> None:
    """Plan the way back of what a change set has written: a change set itself, to be approved and applied.

    Only what nobody has touched since goes back; a value that a person has set stays. A line of a final invoice is not
    deleted: it gets a credit line. An undo can be undone.
    """
    from sinks.records.database import session  # noqa: PLC0415
    from sinks.records.gear import flow as flows  # noqa: PLC0415
    from sinks.records.gear import sets  # noqa: PLC0415
    from sinks.records.gear.places import Clock  # noqa: PLC0415
    from sinks.records.gear.undo import plan_undo  # noqa: PLC0415
    from vaxel.commands import gearbox_report as report  # noqa: PLC0415

    known, parts = known_places(data_dir), [part.partition("=") for part in key or []]
    if not all(name and equals for name, equals, _value in parts):
        raise UsageError(f"Cannot read --key {' '.join(key or [])!r}: give NAME=VALUE, such as material=WM-8030.")
    with session(known.ledger) as connection:
        flow = flows.load(sets.load(connection, change_set_id, []).change_set.flow)
    _check_part(flow, [name for name, _, _ in parts], field or [])
    planned = plan_undo(
        change_set_id,
        flow,
        known,
        author(known, by),
        Clock(),
        reason,
        key={name: value for name, _, value in parts},
        fields=field or (),
    )
    if as_json:
        typer.echo(json.dumps([report.planned_row(one) for one in planned], default=str, ensure_ascii=False))
        return
    for one in planned:
        report.print_planned(one, data_dir, by)


def _check_part(flow: Flow, key: list[str], fields: list[str]) -> None:
    for name in key:
        if name in flow.fields:
            raise UsageError(f"{name} is a field of flow {flow.name!r}, not part of its key: say --field {name}.")
        if name not in flow.key:
            raise UsageError(f"{name} is not part of the key of flow {flow.name!r}; its key is {', '.join(flow.key)}.")
    for name in fields:
        if name in flow.key:
            raise UsageError(f"{name} is part of the key of flow {flow.name!r}, not a field: say --key {name}=VALUE.")
        if name not in flow.fields:
            raise UsageError(f"{name} is not a field of flow {flow.name!r}; its fields are {', '.join(flow.fields)}.")


def restored(
    system: Annotated[str, typer.Argument(help="The record system that was put back, such as erp.")],
    *,
    reason: Reason,
    force: Annotated[
        bool, typer.Option("--force", help="Say it though the system still knows all that it acknowledged.")
    ] = False,
    by: By = None,
    data_dir: DataDir = DEFAULT_DATA_DIR,
    as_json: AsJson = False,
) -> None:
    """Say that a record system was put back to an older state, from a backup say.

    What the gearbox wrote into it before counts as never made, so the next plan writes what is missing; open change
    sets of the system end, for they were planned upon what is no more. It needs the role calendar_keeper. Only after a
    real restore, for what people set since our writes is not kept any more: the system is asked first, and where it
    has forgotten nothing it takes --force.
    """
    from sinks.records.gear import restores  # noqa: PLC0415
    from sinks.records.gear.places import Clock  # noqa: PLC0415
    from vaxel.commands.gearbox_text import counted  # noqa: PLC0415

    found = restores.declare(known_places(data_dir), system, reason, user(by), Clock(), is_forced=force)
    if as_json:
        typer.echo(json.dumps({"system": system, **vars(found)}))
    else:
        forgot = "nothing, and it was forced" if not found.forgotten else counted(found.forgotten, "chunk")
        ended = counted(found.ended_sets, "open change set")
        typer.echo(f"{system} is declared put back: it has forgotten {forgot}; {ended} ended")
        typer.echo(f"plan anew: {command('gearbox', 'plan', '--all', *by_words(by), data_dir=data_dir)}")
