"""`vaxel gearbox check`: whether a flow fits the lake and its record system, before anything of it runs."""

from __future__ import annotations

import json
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from schemas.errors import UsageError
from vaxel.commands.options import DEFAULT_DATA_DIR, AsJson, DataDir

if TYPE_CHECKING:
    from sinks.records.gear.flow import Flow
    from sinks.records.gear.places import Places
    from sinks.records.targets.target import Target

FOUND_SOMETHING = 1
DECLARATION, MODEL = "flow.toml", "model.sql"


def check(
    flow: Annotated[str | None, typer.Argument(help="Flow to check.", show_default="all flows")] = None,
    *,
    folder: Annotated[
        Path | None, typer.Option("--dir", help="Check the flow in this folder (flow.toml, model.sql) instead.")
    ] = None,
    data_dir: DataDir = DEFAULT_DATA_DIR,
    as_json: AsJson = False,
) -> None:
    """Hold a flow against the lake and the record system that it feeds. Nothing is planned, no record is touched.

    Each fault is a line `FLOW: WHERE: what, what is accepted`; of a flow without any, what it feeds and at which gear.
    Exit code 1 when there is a fault; what is only worth a look does not count.
    """
    from vaxel.commands.gearbox_who import known_places  # noqa: PLC0415

    folders = _folders(flow, folder)
    known = known_places(data_dir)
    checked = [_checked(name, place, known) for name, place in folders.items()]
    if as_json:
        typer.echo(json.dumps(checked))
    else:
        for found in checked:
            for line in (*found["faults"], *(f"{warning} (worth a look)" for warning in found["warnings"])):
                typer.echo(line)
            if not found["faults"]:
                typer.echo(found["summary"])
    if any(found["faults"] for found in checked):
        raise typer.Exit(FOUND_SOMETHING)


def _folders(flow: str | None, folder: Path | None) -> dict[str, Any]:
    """The folder of each flow that was asked for, by the flow's name."""
    from sinks.records.gear import flow as flows  # noqa: PLC0415

    if folder is not None:
        if flow is not None:
            raise UsageError(f"Cannot tell what to check: give either the flow {flow!r} or --dir.")
        found: dict[str, Any] = {folder.resolve().name: folder}
    else:
        known = flows.names()
        if flow is not None and flow not in known:
            raise UsageError(f"There is no flow {flow!r}; flows are {', '.join(known)}.")
        root = resources.files(flows.FLOWS) / "flows"
        found = {name: root / name for name in ([flow] if flow is not None else known)}
    for name, place in found.items():
        missing = [file for file in (DECLARATION, MODEL) if not (place / file).is_file()]
        if missing:
            raise UsageError(f"There is no {missing[0]} of flow {name!r}: its folder holds {DECLARATION} and {MODEL}.")
    return found


def _checked(name: str, place: Any, known: Places) -> dict[str, Any]:
    """What was found of one flow, as --json prints it."""
    from sinks.records.gear.check import check_flow, read_flow, summary, warnings_of  # noqa: PLC0415

    flow, faults = read_flow(name, (place / DECLARATION).read_text("utf-8"), (place / MODEL).read_text("utf-8"))
    if flow is None:
        return {"flow": name, "faults": faults, "warnings": [], "summary": None}
    target = _target(flow.system, known)
    try:
        faults = check_flow(
            flow, known.catalog, known.records, {} if target is None else {flow.system: target}, known.systems
        )
    finally:
        if target is not None:
            target.close()
    return {
        "flow": name,
        "faults": faults,
        "warnings": warnings_of(flow, _holders(flow, known.ledger)),
        "summary": summary(flow),
    }


def _target(system: str, known: Places) -> Target | None:
    """The record system, where it is declared."""
    from sinks.records.targets.opening import open_target  # noqa: PLC0415

    return open_target(known.systems[system], known.addresses[system]) if system in known.systems else None


def _holders(flow: Flow, ledger: str) -> tuple[str, ...]:
    """Who may approve what the flow wants."""
    from sinks.records.database import session  # noqa: PLC0415
    from sinks.records.gear.people import holders  # noqa: PLC0415

    if flow.approval is None:
        return ()
    with session(ledger) as connection:
        return holders(connection, flow.approval.role)
