"""`vaxel lake`: look after the lake."""

from __future__ import annotations

import typer

from vaxel.commands import lake_attach, lake_check, lake_files, lake_maintain, lake_rebuild, lake_status

app = typer.Typer(help="Look after the lake.", no_args_is_help=True)


@app.callback()
def lake() -> None:
    """Look after the lake."""


app.command()(lake_attach.attach)
app.command()(lake_check.check)
app.command()(lake_files.files)
app.command()(lake_maintain.maintain)
app.command()(lake_rebuild.rebuild)
app.command()(lake_status.status)
