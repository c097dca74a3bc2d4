"""`vaxel sink lake`: carry facts from Kafka into the lake."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable
from threading import Event
from typing import TYPE_CHECKING, Annotated

import typer

from schemas.errors import UsageError
from vaxel.commands.options import DEFAULT_DATA_DIR, AsJson, DataDir

if TYPE_CHECKING:
    from sinks.lake.storing import Stored

LINE_EVERY_S = 10.0

app = typer.Typer(help="Carry facts out of Kafka.", no_args_is_help=True)


@app.callback()
def sink() -> None:
    """Carry facts out of Kafka."""


@app.command()
def lake(
    *,
    accept_topic: Annotated[
        list[str] | None,
        typer.Option(
            metavar="TOPIC",
            help="Read on with what this topic holds, though it was created again or lost records. May be repeated.",
        ),
    ] = None,
    data_dir: DataDir = DEFAULT_DATA_DIR,
    as_json: AsJson = False,
) -> None:
    """Carry facts from Kafka into the lake, each one once, until Ctrl-C.

    --json prints one object for each transaction.
    """
    from schemas.topics import LAKE_INPUTS  # noqa: PLC0415
    from sinks.lake.sink import run  # noqa: PLC0415
    from vaxel.settings import addresses  # noqa: PLC0415

    accepted = accept_topic or []
    unknown = ", ".join(repr(topic) for topic in accepted if topic not in LAKE_INPUTS)
    if unknown:
        raise UsageError(
            f"Cannot accept topic {unknown}: the lake does not read it. Its topics are {', '.join(LAKE_INPUTS)}."
        )
    stop = Event()
    for signal_number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(signal_number, lambda *_: stop.set())
    known = addresses(os.environ, data_dir)
    total: Counter[str] = Counter()
    run(
        known.kafka,
        known.catalog,
        known.lake_files,
        stop=stop,
        accepted_topics=accepted,
        report=_print_object if as_json else _counting(total),
        tell=lambda line: typer.echo(line, err=True),
    )
    if not as_json:
        typer.echo(("\r" if sys.stdout.isatty() else "") + _line(total))


def _print_object(stored: Stored) -> None:
    typer.echo(json.dumps({"rows": stored.rows, "took_s": round(stored.took_s, 3), "caught_up": stored.caught_up}))


def _counting(total: Counter[str]) -> Callable[[Stored], None]:
    """Counts rows of each table, and shows them: over and over on a terminal, else a line now and then."""
    told_s = time.monotonic()

    def report(stored: Stored) -> None:
        nonlocal told_s
        total.update(stored.rows)
        if sys.stdout.isatty():
            typer.echo("\r" + _line(total), nl=False)
        elif time.monotonic() - told_s >= LINE_EVERY_S:
            told_s = time.monotonic()
            typer.echo(_line(total))

    return report


def _line(total: Counter[str]) -> str:
    return "stored: " + (", ".join(f"{table} {rows:,}" for table, rows in sorted(total.items())) or "nothing new")
