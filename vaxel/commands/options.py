"""Options that mean the same in every command."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

DEFAULT_DATA_DIR = Path(".vaxel")

DataDir = Annotated[
    Path,
    typer.Option(
        "--data-dir", envvar="VAXEL_DATA_DIR", help="Directory of the local stack: servers' data, lake files, logs."
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]
