"""`vaxel relay`: tell the stream what the record systems hold of each device."""

from __future__ import annotations

import json
import os
import time
from collections import Counter
from typing import TYPE_CHECKING, Annotated

import typer

from vaxel.commands.options import DEFAULT_DATA_DIR, AsJson, DataDir
from vaxel.commands.stopping import until_interrupted

if TYPE_CHECKING:
    from sinks.records.relay import Told

NOT_ALL_TOLD = 1


def relay(
    *,
    until_idle: Annotated[bool, typer.Option("--until-idle", help="End once all that has changed is told.")] = False,
    again: Annotated[
        bool, typer.Option("--again", help="Tell of all devices anew: after a restored database, or under another key.")
    ] = False,
    data_dir: DataDir = DEFAULT_DATA_DIR,
    as_json: AsJson = False,
) -> None:
    """Tell the stream who has each device, under which contract and consents, each change once, until Ctrl-C.

    People are pseudonyms there, made with the key in VAXEL_KEYS. One relay runs at a time: a new one puts the one
    before out of action. --json prints one object for each transaction. Rows that cannot be told as they are wait
    until somebody changes them; with --until-idle they give exit code 1.
    """
    from sinks.records.relay import RelaySettings  # noqa: PLC0415
    from sinks.records.relay_loop import run  # noqa: PLC0415
    from vaxel.keys import keys  # noqa: PLC0415
    from vaxel.settings import addresses  # noqa: PLC0415

    known = addresses(os.environ, data_dir)
    key = keys(os.environ, data_dir).pseudonym
    total: Counter[str] = Counter()

    def report(told: Told) -> None:
        total.update(told.records)
        if as_json:
            typer.echo(json.dumps({"records": told.records, "entries": told.entries, "revision": told.revision}))

    with until_interrupted() as stop:
        refused = run(
            RelaySettings(known.kafka, known.records),
            key,
            until_idle=until_idle,
            again=again,
            stop=stop,
            now_ms=lambda: int(time.time() * 1000),  # noqa: TID251  (a shell)
            report=report,
            tell=lambda line: typer.echo(f"vaxel: {line}", err=True),
        )
    if not as_json:
        typer.echo(
            "told: " + (", ".join(f"{kind} {count:,}" for kind, count in sorted(total.items())) or "nothing new")
        )
    if until_idle and refused:
        raise typer.Exit(NOT_ALL_TOLD)
