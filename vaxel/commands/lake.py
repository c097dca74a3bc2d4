"""`vaxel lake`: look after the lake."""

from __future__ import annotations

import typer

from vaxel.commands import lake_attach, lake_check

app = typer.Typer(help="Look after the lake.", no_args_is_help=True)


@app.callback()
def lake() -> None:
    """Look after the lake."""


app.command()(lake_attach.attach)
app.command()(lake_check.check)
