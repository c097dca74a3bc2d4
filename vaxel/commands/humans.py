"""`vaxel humans`: people's edits in the record systems, made up."""

from __future__ import annotations

import json
import os
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import typer

from vaxel.commands.options import DEFAULT_DATA_DIR, AsJson, DataDir


def humans(
    *,
    edits: Annotated[int, typer.Option(min=1, max=1_000_000, help="How many fields are edited.")] = 20,
    seed: Annotated[int, typer.Option(min=0, help="The same seed makes the same edits of the same rows.")] = 1,
    system: Annotated[list[str] | None, typer.Option(help="Only in this system; may be said again.")] = None,
    log: Annotated[
        Path | None, typer.Option(help="File that gets a JSON line for each edit, after what it has.")
    ] = None,
    data_dir: DataDir = DEFAULT_DATA_DIR,
    as_json: AsJson = False,
) -> None:
    """Edit record systems as their own people do, behind the gearbox's back.

    Rows are picked at random, and fields that flows feed as well as fields that are people's alone. Each edit is told
    with what the field held and what it holds now.
    """
    from schemas.errors import UsageError  # noqa: PLC0415
    from schemas.records import SYSTEMS  # noqa: PLC0415
    from sinks.records import humans as people  # noqa: PLC0415
    from vaxel.settings import addresses  # noqa: PLC0415

    unknown = [name for name in system or () if name not in SYSTEMS]
    if unknown:
        raise UsageError(f"There is no record system {', '.join(unknown)}; systems are {', '.join(SYSTEMS)}.")
    fields = people.editable(system or SYSTEMS, people.fed_fields())
    with ExitStack() as stack:
        kept = None
        if log is not None:
            try:
                kept = stack.enter_context(log.open("a", encoding="utf-8"))
            except OSError as error:
                raise UsageError(f"Cannot write {log}: {error.strerror}. Name another file with --log.") from error
        for edit in people.edits(addresses(os.environ, data_dir).records, fields, edits, seed):
            line = json.dumps(edit.to_json(), ensure_ascii=False)
            if kept is not None:
                kept.write(f"{line}\n")
                kept.flush()
            typer.echo(line if as_json else edit.text())
