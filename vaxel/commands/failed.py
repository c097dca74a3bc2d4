"""`vaxel failed`: what was refused and why, and the way back for what can be repaired."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from vaxel.commands.failed_choice import (
    Device,
    Field,
    Firmware,
    Model,
    Reason,
    Since,
    Until,
    opened,
    print_lines,
    selected,
)
from vaxel.commands.failed_repair import propose, repair
from vaxel.commands.failed_replay import replay
from vaxel.commands.options import DEFAULT_DATA_DIR, AsJson, DataDir

ROWS_SHOWN = 100

app = typer.Typer(help="Show refused uploads, repair them, and let them in again.", no_args_is_help=True)


@app.command(name="list")
def list_events(
    *,
    reason: Reason = None,
    model: Model = None,
    firmware: Firmware = None,
    field: Field = None,
    device: Device = None,
    since: Since = None,
    until: Until = None,
    each: Annotated[bool, typer.Option("--each", help="One row an event, newest first, instead of groups.")] = False,
    limit: Annotated[
        int | None, typer.Option("--limit", min=1, help="Most rows.", show_default=f"{ROWS_SHOWN} in a table")
    ] = None,
    data_dir: DataDir = DEFAULT_DATA_DIR,
    as_json: AsJson = False,
) -> None:
    """List refused uploads by reason, model, firmware and field: how many, from how many devices, first and last seen.

    `came_back` counts those whose device and number were accepted later on; of late ones, earlier too. `repair` tells
    by which repair they had come back when they were refused again.
    """
    from sinks.lake.answers import json_lines, table_lines  # noqa: PLC0415

    chosen = selected(reason, model, firmware, field, device, since, until)
    events = opened(data_dir)
    answer = events.each(chosen, limit) if each else events.groups(chosen, limit)
    if as_json:
        print_lines(json_lines(answer.names, answer.rows))
    else:
        shown = [tuple("-" if value is None else value for value in row) for row in answer.rows]
        print_lines(table_lines(answer.names, shown, limit or ROWS_SHOWN))


@app.command()
def show(
    place: Annotated[
        str,
        typer.Argument(
            metavar="PLACE", help="TOPIC[PARTITION]@OFFSET or TOPIC:PARTITION:OFFSET; of the topic, `washer` will do."
        ),
    ],
    *,
    data_dir: DataDir = DEFAULT_DATA_DIR,
    as_json: AsJson = False,
) -> None:
    """Show all that is kept of one refused upload: what was found and what is accepted, and its bytes as they came."""
    from vaxel.commands import failed_report  # noqa: PLC0415

    event = opened(data_dir).one(place)
    print_lines([json.dumps(failed_report.event_object(event))] if as_json else failed_report.event_lines(event))


for command in (propose, repair, replay):
    app.command()(command)
