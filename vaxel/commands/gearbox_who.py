"""Who calls the gearbox, named with `--by`, else the user of the operating system; and where its places are."""

from __future__ import annotations

import getpass
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from sinks.records.gear.places import Places

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


def known_places(data_dir: Path) -> Places:
    """Where everything is."""
    from sinks.records.gear.places import places  # noqa: PLC0415
    from vaxel.settings import addresses  # noqa: PLC0415

    found = addresses(os.environ, data_dir)
    return places(os.environ, found.catalog, found.records)


def author(known: Places, by: str | None) -> str:
    """Who asks for it: the name under which they are known, if they are; it is what an approver is compared with."""
    from sinks.records.database import session  # noqa: PLC0415
    from sinks.records.gear import people  # noqa: PLC0415

    with session(known.ledger) as connection:
        return people.author(connection, user(by))
