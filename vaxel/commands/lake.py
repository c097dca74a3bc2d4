"""`vaxel lake`: look after the lake."""

from __future__ import annotations

import typer

app = typer.Typer(help="Look after the lake.", no_args_is_help=True)


@app.callback()
def lake() -> None:
    """Look after the lake."""
