"""Who calls the gearbox: named with `--by`, else the user of the operating system."""

from __future__ import annotations

import getpass
import os
from typing import Annotated

import typer

By = Annotated[
    str | None,
    typer.Option(
        "--by", help="Who asks for it; goes into the audit. To approve, a name that is known.", show_default="you"
    ),
]


def user(by: str | None) -> str:
    """The name given; else who calls: in a container the user may have a number only."""
    if by is not None:
        return by
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # OSError from Python 3.13 on
        return f"uid {os.getuid()}"
