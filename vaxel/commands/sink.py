"""`vaxel sink lake`: carry facts from Kafka into the lake."""

from __future__ import annotations

import json
import os
import re
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable
from threading import Event
from typing import TYPE_CHECKING, Annotated

import typer

from schemas.errors import UsageError
from vaxel.commands.lake_status import size_told
from vaxel.commands.options import DEFAULT_DATA_DIR, AsJson, DataDir

if TYPE_CHECKING:
    from sinks.lake.sink import Settings
    from sinks.lake.storing import Stored

LINE_EVERY_S = 10.0
_SIZE = r"[1-9][0-9]*(\.[0-9]+)? ?([KMGT]i?B)"
"""Of what DuckDB takes for a size: percentages would be of a machine that others use too."""

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
    share: Annotated[
        str,
        typer.Option(
            metavar="I/N",
            help=(
                "Read the I-th of N shares of the partitions; N sinks, each with its own share, read everything. "
                "Two whose shares overlap both run at first: the second to store from a partition ends with code 3."
            ),
        ),
    ] = "1/1",
    max_rows: Annotated[int, typer.Option(min=1, help="Store when about so many rows wait.")] = 1_000_000,
    max_bytes: Annotated[
        int, typer.Option(min=1, help="Store when rows of about so many bytes wait; twice as many are in memory.")
    ] = 256 * 1024 * 1024,
    max_age_s: Annotated[
        float, typer.Option(min=0.0, max=300.0, help="Store when a row has waited for so long.")
    ] = 1.0,
    memory: Annotated[
        str, typer.Option(metavar="SIZE", help="Most memory of DuckDB, which sorts what is stored.")
    ] = "2GB",
    port: Annotated[
        int, typer.Option(min=0, max=65_535, help="Serve /metrics and /health on this port; 0: not at all.")
    ] = 0,
    host: Annotated[str, typer.Option(help="Address that it is served on; 0.0.0.0 is every one.")] = "127.0.0.1",
    data_dir: DataDir = DEFAULT_DATA_DIR,
    as_json: AsJson = False,
) -> None:
    """Carry facts from Kafka into the lake, each one once, until Ctrl-C.

    Rows of a span of records and the position behind them are one transaction, after as many rows, bytes or seconds as
    the options say. What it does is told on stderr as it begins. --json prints one object for each transaction.

    Exit code 3 when something was away for a minute, when what was read could not be stored before Ctrl-C, or when
    another sink, whose share overlaps, has stored from one of the partitions: nothing is stored twice.
    """
    from importlib.metadata import version  # noqa: PLC0415

    from schemas.topics import LAKE_INPUTS  # noqa: PLC0415
    from sinks.lake.shares import share_of  # noqa: PLC0415
    from sinks.lake.sink import Settings, run  # noqa: PLC0415
    from vaxel.observed import observed  # noqa: PLC0415
    from vaxel.settings import addresses  # noqa: PLC0415
    from vaxel.sink_metrics import SinkMeters  # noqa: PLC0415

    accepted = accept_topic or []
    unknown = ", ".join(repr(topic) for topic in accepted if topic not in LAKE_INPUTS)
    if unknown:
        raise UsageError(
            f"Cannot accept topic {unknown}: the lake does not read it. Its topics are {', '.join(LAKE_INPUTS)}."
        )
    if not re.fullmatch(_SIZE, memory):
        raise UsageError(f"--memory {memory!r}: a number and a unit is accepted, such as 500MB or 2GB.")
    settings = Settings(share_of(share), max_rows, max_bytes, max_age_s, memory=memory)
    stop = Event()
    for signal_number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(signal_number, lambda *_: stop.set())
    known = addresses(os.environ, data_dir)
    total: Counter[str] = Counter()
    show = _print_object if as_json else _counting(total)
    meters = SinkMeters(settings.share, version("vaxel"), max_age_s)

    def report(stored: Stored) -> None:
        meters.stored(stored)
        show(stored)

    def tell(line: str) -> None:
        meters.interrupted()
        typer.echo(line, err=True)

    with observed(host, port, meters.text, meters.health):
        typer.echo(start_line(settings, known.kafka, known.lake_files, host, port), err=True)
        run(
            known.kafka,
            known.catalog,
            known.lake_files,
            stop=stop,
            settings=settings,
            accepted_topics=accepted,
            report=report,
            tell=tell,
            watch=meters.watch,
        )
    if not as_json:
        typer.echo(("\r" if sys.stdout.isatty() else "") + _line(total))


def start_line(settings: Settings, kafka: str, files: str, host: str, port: int) -> str:
    """What the sink is about to do."""
    from schemas.topics import LAKE_INPUTS  # noqa: PLC0415

    share = settings.share
    which = "all partitions" if share.count == 1 else f"share {share} of the partitions"
    page = f"http://{f'[{host}]' if ':' in host else host}:{port}"
    served = f"serves {page}/metrics and /health" if port else "no /metrics and /health (--port)"
    return (
        f"sink: {which} of {len(LAKE_INPUTS)} topics at {kafka}, into {files}; stores every {settings.max_age_s:g} s, "
        f"or at {settings.max_rows:,} rows or {size_told(settings.max_bytes)}; {served}"
    )


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
