"""`vaxel gearbox status`: queues, ages, what was written for how much that came in, breakers and freezes."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from schemas.errors import OutsideError
from vaxel.commands.options import DEFAULT_DATA_DIR, AsJson, DataDir

if TYPE_CHECKING:
    from sinks.records.gear.figures import FieldFigures, FlowFigures, Freeze, SystemFigures
    from vaxel.gearbox_figures import Standing

_FLOWS = ("flow", "open sets", "may go", "wait", "need approval", "approved", "sent", "refused", "oldest open",
          "last plan", "last write")  # fmt: skip
_FIELDS = ("table", "field", "gear", "last written", "facts from", "flow")
_SYSTEMS = ("system", "called", "rows written", "left as they are", "uploads per row", "readings per row", "why")
_FREEZES = ("freeze", "system", "state", "from", "until", "reason", "by", "may move all the same")


def status(
    *,
    lake: Annotated[
        bool,
        typer.Option("--lake/--no-lake", help="Ask the lake, too; without it there is no ratio, nor the age of facts."),
    ] = True,
    data_dir: DataDir = DEFAULT_DATA_DIR,
    as_json: AsJson = False,
) -> None:
    """Show how the gearbox stands: what is open and why, how old each field is, what was written, what is frozen.

    Uploads per row is the gear ratio: how many accepted uploads came in for each row written into a record system.
    """
    from sinks.records.gear.places import Clock, places  # noqa: PLC0415
    from vaxel.commands import gearbox_text as text  # noqa: PLC0415
    from vaxel.gearbox_figures import Standing, intake, ledger_figures  # noqa: PLC0415
    from vaxel.settings import addresses  # noqa: PLC0415

    known = addresses(os.environ, data_dir)
    now = Clock().now()
    figures = ledger_figures(places(os.environ, known.catalog, known.records), now)
    came_in, trouble = None, None
    if lake:
        try:
            came_in = intake(known.catalog, known.lake_files)
        except OutsideError as error:
            trouble = error
    standing = Standing(now, figures, came_in)
    if as_json:
        text.print_json(status_row(standing, trouble))
    else:
        _print(standing)
    if trouble is not None:
        typer.echo(f"vaxel: ratios and ages of facts cannot be told: {trouble}", err=True)
        raise typer.Exit(trouble.exit_code)


def status_row(standing: Standing, trouble: Exception | None) -> dict[str, Any]:
    """All of it for JSON; ages in seconds."""
    from vaxel.commands.gearbox_text import plain  # noqa: PLC0415

    found, came_in = standing.figures, standing.intake
    row: dict[str, Any] = plain(
        {
            "at": standing.at,
            "flows": [plain(flow) | {"oldest_open_age_s": _age_s(standing, flow.oldest_at)} for flow in found.flows],
            "fields": [
                plain(field)
                | {
                    "age_s": _age_s(standing, field.written_at),
                    "facts_at": standing.facts_at(field),
                    "facts_age_s": _age_s(standing, standing.facts_at(field)),
                }
                for field in found.fields
            ],
            "systems": [
                plain(system)
                | {
                    "uploads_per_row": standing.uploads_per_row(system.rows_written),
                    "readings_per_row": standing.readings_per_row(system.rows_written),
                }
                for system in found.systems
            ],
            "total": {
                "rows_written": found.rows_written,
                "uploads": None if came_in is None else came_in.uploads,
                "readings": None if came_in is None else came_in.readings,
                "uploads_per_row": standing.uploads_per_row(found.rows_written),
                "readings_per_row": standing.readings_per_row(found.rows_written),
            },
            "freezes": found.freezes,
            "lake_error": None if trouble is None else str(trouble),
        }
    )
    return row


def _age_s(standing: Standing, at: Any) -> float | None:
    return None if at is None else round((standing.at - at).total_seconds(), 3)


def _print(standing: Standing) -> None:
    from vaxel.commands.gearbox_text import print_table  # noqa: PLC0415

    found = standing.figures
    typer.echo("changes that are planned and not written yet:")
    print_table(_FLOWS, [_flow_cells(standing, flow) for flow in found.flows])
    typer.echo("\nfields that flows feed, and how old they are:")
    print_table(_FIELDS, [_field_cells(standing, field) for field in found.fields])
    typer.echo("\nrecord systems, and what came in for each row written there:")
    print_table(_SYSTEMS, [_system_cells(standing, system) for system in found.systems])
    typer.echo(_total(standing))
    if not found.freezes:
        typer.echo("\nnothing is frozen, nor will be")
        return
    typer.echo("\nfreezes in force and to come:")
    print_table(_FREEZES, [_freeze_cells(standing, freeze) for freeze in found.freezes])


def _flow_cells(standing: Standing, flow: FlowFigures) -> Sequence[Any]:
    from sinks.records.gear.figures import WAITING  # noqa: PLC0415
    from vaxel.commands.gearbox_text import ago  # noqa: PLC0415

    counts = [flow.open[name] for name in WAITING]
    times = (flow.oldest_at, flow.planned_at, flow.written_at)
    return [flow.flow, flow.open_sets, *counts, flow.refused, *(ago(at, standing.at) for at in times)]


def _field_cells(standing: Standing, field: FieldFigures) -> Sequence[Any]:
    from vaxel.commands.gearbox_text import ago  # noqa: PLC0415

    facts = ago(standing.facts_at(field), standing.at)
    if facts is None and field.lake_snapshot is not None:  # the lake was not asked, or has let go of it
        facts = f"snapshot {field.lake_snapshot}"
    written = ago(field.written_at, standing.at)
    return [field.table, field.field, field.gear.replace("_", " "), written, facts, field.flow]


def _system_cells(standing: Standing, system: SystemFigures) -> Sequence[Any]:
    from vaxel.commands.gearbox_text import instant_told  # noqa: PLC0415

    called = {"closed": "yes", "open": "no", "half_open": "on trial"}[system.breaker]
    if system.breaker != "closed" and system.retry_at is not None:
        called = f"{called}, again at {instant_told(system.retry_at)}"
    ratios = (standing.uploads_per_row(system.rows_written), standing.readings_per_row(system.rows_written))
    why = None if system.breaker == "closed" else system.breaker_reason
    return [system.system, called, system.rows_written, system.left_out, *map(_ratio, ratios), why]


def _freeze_cells(standing: Standing, freeze: Freeze) -> Sequence[Any]:
    state = "in force" if freeze.starts_at <= standing.at else "to come"
    system = "all" if freeze.system == "*" else freeze.system
    excepted = ", ".join(freeze.excepted) or None
    return [
        freeze.freeze_id,
        system,
        state,
        freeze.starts_at,
        freeze.ends_at,
        freeze.reason,
        freeze.declared_by,
        excepted,
    ]


def _total(standing: Standing) -> str:
    from vaxel.commands.gearbox_text import counted  # noqa: PLC0415

    rows = standing.figures.rows_written
    written = f"{counted(rows, 'row')} written in all"
    if standing.intake is None:
        return written
    came_in = (
        f"{counted(standing.intake.uploads, 'upload')} with {counted(standing.intake.readings, 'reading')} came in"
    )
    ratio = standing.uploads_per_row(rows)
    return f"{written}; {came_in}" + ("" if ratio is None else f": {_ratio(ratio)} uploads per row")


def _ratio(ratio: float | None) -> str | None:
    """With one decimal below ten, none above: nobody reads more."""
    return None if ratio is None else f"{ratio:,.0f}" if ratio >= 10 else f"{ratio:,.1f}"
