"""`vaxel bench`: measure, on this machine, what the documents claim."""

from __future__ import annotations

import json
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from vaxel.commands.bench_gearbox import measure as measure_gearbox
from vaxel.commands.bench_lake import Part, Sizes
from vaxel.commands.bench_lake import measure as measure_lake
from vaxel.commands.options import AsJson

if TYPE_CHECKING:
    from benchmarks.engine.measure import Measured

LINE_EVERY_S = 10.0

app = typer.Typer(help="Measure speed on this machine; every answer is checked.", no_args_is_help=True)


@app.callback()
def bench() -> None:
    """Measure speed on this machine; every answer is checked."""


@app.command()
def engine(
    *,
    single: Annotated[int, typer.Option(min=1, help="Uploads with one reading.")] = 2_000_000,
    packed: Annotated[int, typer.Option(min=1, help="Uploads with 20 readings.")] = 500_000,
    faust: Annotated[int, typer.Option(min=1, help="Of each, how many stock Faust gets; it is slow.")] = 150_000,
    devices: Annotated[int, typer.Option(min=1, help="Devices that send them.")] = 5_000,
    partitions: Annotated[int, typer.Option(min=1, help="Partitions of the topic.")] = 4,
    runs: Annotated[int, typer.Option(min=1, help="Runs of each contender; the median counts.")] = 5,
    workers: Annotated[int, typer.Option(min=1, help="Also measure so many workers together.")] = 1,
    latency_s: Annotated[
        float, typer.Option(min=0, help="Also measure latency at half of the speed found, for so many seconds.")
    ] = 0.0,
    kafka: Annotated[
        str | None,
        typer.Option(metavar="HOST:PORT", help="A cluster without Växel's topics. Default: a broker for the occasion."),
    ] = None,
    write: Annotated[bool, typer.Option("--write", help="Write benchmarks/RESULTS.md and engine.png.")] = False,
    as_json: AsJson = False,
) -> None:
    """Compare the stream worker with Kafka Streams, stock Faust and the bare client on the same uploads.

    Takes some minutes. Exit code 1 when any answer is wrong: a wrong answer has no speed.
    """
    from benchmarks.engine.machine import machine  # noqa: PLC0415
    from benchmarks.engine.measure import Plan, measure  # noqa: PLC0415
    from benchmarks.engine.report import as_json as report_json  # noqa: PLC0415
    from benchmarks.engine.report import draw, markdown  # noqa: PLC0415
    from benchmarks.results import FOLDER, write_section  # noqa: PLC0415

    signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that everything is stopped and removed
    plan = Plan({"single": single, "packed": packed}, faust, devices, partitions, runs, workers, latency_s, kafka)
    with _progress() as say:
        measured = measure(plan, say)
    if as_json:
        typer.echo(json.dumps(report_json(measured, plan, machine())))
    else:
        _show(measured)
    if write:
        draw(measured, FOLDER / "engine.png")
        write_section("engine", markdown(measured, plan, machine()))
    if not measured.is_right:
        raise typer.Exit(1)


@app.command()
def recovery(
    *,
    devices: Annotated[int, typer.Option(min=100, help="Devices in the state.")] = 1_000_000,
    write: Annotated[bool, typer.Option("--write", help="Write benchmarks/RESULTS.md.")] = False,
    as_json: AsJson = False,
) -> None:
    """Measure how long a worker takes to take over many devices, in one partition and in four, and what each weighs.

    Takes some minutes. Exit code 1 when the state that was taken over is wrong.
    """
    from benchmarks.recovery import as_json as report_json  # noqa: PLC0415
    from benchmarks.recovery import measure  # noqa: PLC0415
    from benchmarks.recovery_report import markdown, print_table  # noqa: PLC0415
    from benchmarks.results import write_section  # noqa: PLC0415

    signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that everything is stopped and removed
    with _progress() as say:
        measured = list(measure(devices, say))
    if as_json:
        typer.echo(json.dumps(report_json(measured)))
    else:
        print_table(measured)
    if write:
        write_section("recovery", markdown(measured))
    if any(one.wrong for one in measured):
        raise typer.Exit(1)


@app.command()
def simulator(
    *,
    uploads: Annotated[int, typer.Option(min=1, help="Uploads of each run.")] = 1_000_000,
    runs: Annotated[int, typer.Option(min=1, help="Runs of each fleet; the median counts.")] = 5,
    write: Annotated[bool, typer.Option("--write", help="Write benchmarks/RESULTS.md.")] = False,
    as_json: AsJson = False,
) -> None:
    """Measure how fast a load (`vaxel simulate --load`) gets into Kafka, and what memory a million devices take.

    Takes some minutes. Exit code 1 when a truth is not what Kafka holds.
    """
    from benchmarks.results import write_section  # noqa: PLC0415
    from benchmarks.simulator import as_json as report_json  # noqa: PLC0415
    from benchmarks.simulator import measure  # noqa: PLC0415
    from benchmarks.simulator_report import markdown, print_table  # noqa: PLC0415

    signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that everything is stopped and removed
    with _progress() as say:
        measured = measure(uploads, runs, say)
    if as_json:
        typer.echo(json.dumps(report_json(measured)))
    else:
        print_table(measured)
    if write:
        write_section("simulator", markdown(measured))
    if any(one.wrong for one in measured):
        raise typer.Exit(1)


@app.command()
def lake(
    *,
    only: Annotated[Part | None, typer.Option("--only", help="Measure this part alone.")] = None,
    readings: Annotated[
        int | None, typer.Option(min=10_000, help="Readings of each part. [default: 10, 100 and 20 million]")
    ] = None,
    postgres: Annotated[int, typer.Option(min=1_000, help="Of those asked, how many PostgreSQL gets.")] = 10_000_000,
    runs: Annotated[int, typer.Option(min=1, help="Runs of each question; the median counts.")] = 5,
    write: Annotated[bool, typer.Option("--write", help="Write benchmarks/RESULTS.md and lake.png.")] = False,
    as_json: AsJson = False,
) -> None:
    """Measure the lake: readings into it, analysts' questions to it, and sessions worked out anew from it.

    Beside: pyarrow and COPY without guarantees, DuckDB on the same files, PostgreSQL on a part of the rows.
    Takes half an hour with the default sizes, and 10 GB of disk. Exit code 1 when any answer is wrong.
    """
    sizes = Sizes(readings or 60_000_000, readings or 100_000_000, readings or 20_000_000, postgres, runs)
    measure_lake(only, sizes, write=write, as_json=as_json, progress=_progress)


@app.command()
def gearbox(
    *,
    rows: Annotated[int, typer.Option(min=1_000, help="Rows of the record system's table.")] = 1_000_000,
    changes: Annotated[int, typer.Option(min=100, help="Fields that are written.")] = 100_000,
    runs: Annotated[int, typer.Option(min=1, help="Runs of each contender; the median counts.")] = 3,
    write: Annotated[bool, typer.Option("--write", help="Write benchmarks/RESULTS.md.")] = False,
    as_json: AsJson = False,
) -> None:
    """Measure the gearbox: plan, apply with audit, a run without differences, undo.

    Beside: Debezium's JDBC sink, which upserts without any of the guarantees. Takes a quarter of an hour with the
    default sizes, and 4 GB of disk. Exit code 1 when any answer is wrong.
    """
    measure_gearbox(rows, changes, runs, write=write, as_json=as_json, progress=_progress)


@app.command()
def quality(
    *,
    machines: Annotated[int, typer.Option(min=1, help="Washing machines whose cycles are judged.")] = 40,
    days: Annotated[int, typer.Option(min=1, help="Days of their lives.")] = 200,
    alert_machines: Annotated[int, typer.Option(min=1, help="Washing machines that wear.")] = 150,
    alert_days: Annotated[int, typer.Option(min=1, help="Days that they wear.")] = 1_460,
    fleet: Annotated[int, typer.Option(min=1, help="Washing machines, and shoes, whose months are judged.")] = 40,
    write: Annotated[bool, typer.Option("--write", help="Write benchmarks/RESULTS.md.")] = False,
    as_json: AsJson = False,
) -> None:
    """Measure how right facts are: precision and recall of cycles, anomalies, alerts and completeness.

    On the simulator's truth, in this process, without Kafka; takes some minutes.
    """
    from rich.console import Console  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415

    from benchmarks.quality import HEADINGS, Size, markdown, measure, table  # noqa: PLC0415
    from benchmarks.results import write_section  # noqa: PLC0415

    size = Size(machines=machines, days=days, alert_machines=alert_machines, alert_days=alert_days, fleet=fleet)
    with _progress() as say:
        lines = measure(size, say)
    if as_json:
        typer.echo(json.dumps([line.asdict() for line in lines]))
    else:
        shown = Table(*HEADINGS)
        for row in table(lines):
            shown.add_row(*row)
        Console(width=None if sys.stdout.isatty() else 160).print(shown)
    if write:
        write_section("quality", markdown(lines, size))


@contextmanager
def _progress() -> Iterator[Callable[[str], None]]:
    """Shows what goes on: on a terminal in place, else a line now and then."""
    from rich.console import Console  # noqa: PLC0415

    console = Console(stderr=True)
    if console.is_terminal:
        with console.status("") as status:
            yield status.update
        return
    told_s = 0.0

    def tell(line: str) -> None:
        nonlocal told_s
        if time.monotonic() - told_s >= LINE_EVERY_S:
            told_s = time.monotonic()
            typer.echo(line, err=True)

    yield tell


def _show(measured: Measured) -> None:
    from rich.console import Console  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415

    from benchmarks.engine.report import HEADINGS, SHARE_HEADINGS, remarks, table  # noqa: PLC0415
    from benchmarks.engine.shares import lines  # noqa: PLC0415

    for headings, rows in ((HEADINGS, table(measured)), (SHARE_HEADINGS, lines(measured.shares))):
        shown = Table(*headings)
        for line in rows:
            shown.add_row(*line)
        Console(width=None if sys.stdout.isatty() else 160).print(shown)
    for remark in remarks(measured):
        typer.echo(remark)
