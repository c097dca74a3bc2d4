"""`vaxel run`: relay, workers, desk and lake sink together, on the local stack or the addresses that are set."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vaxel.commands.options import DEFAULT_DATA_DIR, AsJson, DataDir

if TYPE_CHECKING:
    from collections.abc import Callable

    from vaxel.pipeline import Progress
    from vaxel.settings import Addresses

INTERRUPTED = 130
STOPPING = (signal.SIGINT, signal.SIGTERM)


def run(
    *,
    until_idle: Annotated[
        bool, typer.Option("--until-idle", help="Return when everything published so far has reached the lake.")
    ] = False,
    workers: Annotated[int, typer.Option(min=1, max=64, help="Stream workers, one process each.")] = 2,
    data_dir: DataDir = DEFAULT_DATA_DIR,
    as_json: AsJson = False,
) -> None:
    """Run relay, stream workers, desk and lake sink, and show what they do.

    Starts the local stack first if none runs and no addresses are set; that stack goes on until `vaxel down`.
    A process that ends is started again. Ctrl-C stops all in good order; the next run goes on where it was.
    """
    from vaxel.gauge import Gauge  # noqa: PLC0415
    from vaxel.pipeline import alone, pipeline, watch  # noqa: PLC0415

    with alone(data_dir):
        found = find_or_start(data_dir)
        with (
            interruption() as is_interrupted,
            showing(quiet=as_json) as show,
            passed_on(found),
            closing(Gauge(found)) as gauge,
            pipeline(
                data_dir, workers, lambda line: typer.echo(f"vaxel: {line}", err=True), gauge.wait_for_relay
            ) as supervisor,
        ):
            done = watch(supervisor, gauge, until_idle=until_idle, is_stopped=is_interrupted, show=show)
    if as_json:
        typer.echo(json.dumps({**done.counts.asdict(), "restarts": done.restarts, "seconds": round(done.seconds, 1)}))
    else:
        typer.echo(("interrupted: " if is_interrupted() else "") + sentence(done))
    if is_interrupted():
        raise typer.Exit(INTERRUPTED)


def find_or_start(data_dir: Path) -> Addresses:
    """The addresses in force; a local stack is started where none is set.

    Raises:
        UsageError: some are set, others are not, and no local stack runs. One started now would fill a lake of its
            own from a Kafka that is elsewhere, say.
    """
    from schemas.errors import UnreachableError, UsageError  # noqa: PLC0415
    from vaxel.settings import VARIABLES, addresses  # noqa: PLC0415

    try:
        return addresses(os.environ, data_dir)
    except UnreachableError:
        known = [variable for variable in VARIABLES.values() if os.environ.get(variable, "") != ""]
        if known:
            missing = ", ".join(variable for variable in VARIABLES.values() if variable not in known)
            raise UsageError(
                f"no local stack runs in {data_dir.absolute()}, and none is started beside {', '.join(known)}. "
                f"Set {missing} too, or none of them"
            ) from None
        from deploy.stack import up  # noqa: PLC0415

        up(data_dir, say=lambda line: typer.echo(line, err=True))
        return addresses(os.environ, data_dir)


@contextmanager
def interruption() -> Iterator[Callable[[], bool]]:
    """Whether Ctrl-C or a polite kill has come, while it lasts: nothing is torn, and children stop in good order.

    A plain variable, not an Event: a signal may come while another one's handler holds the Event's lock.
    """
    signals: list[int] = []
    before = {number: signal.signal(number, lambda got, _: signals.append(got)) for number in STOPPING}
    try:
        yield lambda: bool(signals)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def passed_on(found: Addresses) -> Iterator[None]:
    """The children find the same systems, wherever they start; by variables, since addresses hold passwords."""
    from vaxel.keys import VARIABLE as KEYS  # noqa: PLC0415
    from vaxel.settings import VARIABLES  # noqa: PLC0415

    values = {VARIABLES[name]: value for name, value in asdict(found).items()}
    if os.environ.get(KEYS):
        values[KEYS] = str(Path(os.environ[KEYS]).absolute())
    if "://" not in found.lake_files:
        values[VARIABLES["lake_files"]] = str(Path(found.lake_files).absolute())
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


@contextmanager
def showing(*, quiet: bool) -> Iterator[Callable[[Progress], None]]:
    """Shows progress on stderr: one living line on a terminal, a line every few seconds elsewhere."""
    if quiet:
        yield lambda _progress: None
        return
    from rich.console import Console  # noqa: PLC0415

    console = Console(stderr=True)
    if console.is_terminal:
        with console.status("starting workers and sink") as status:
            yield lambda progress: status.update(sentence(progress))
        return
    told = [-1.0]

    def tell(progress: Progress) -> None:
        if progress.seconds - told[0] >= 5.0:
            told[0] = progress.seconds
            console.print(sentence(progress), highlight=False, soft_wrap=True)

    yield tell


def sentence(progress: Progress) -> str:
    """The state of the pipeline in one line."""
    counts = progress.counts
    waiting = f"{progress.waiting:,} uploads waiting, " if progress.waiting else ""
    restarts = f", {progress.restarts} restarts" if progress.restarts else ""
    return (
        f"{waiting}lake: {counts.accepted:,} accepted, {counts.duplicates:,} duplicates, {counts.failed:,} failed; "
        f"{counts.readings:,} readings, {counts.wash_cycles:,} wash cycles, {counts.runs:,} runs "
        f"({progress.seconds:.0f} s{restarts})"
    )
