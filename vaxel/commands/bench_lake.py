"""`vaxel bench lake`: into the lake, out of it, and over it again."""

from __future__ import annotations

import json
import signal
import sys
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

import typer


class Part(StrEnum):
    """What of the lake is measured."""

    INGEST = "ingest"
    QUERIES = "queries"
    BACKFILL = "backfill"


@dataclass(frozen=True)
class Told:
    """What one part measured: for programs, for a terminal, for `RESULTS.md`; and whether every answer was right."""

    for_programs: Any
    headings: Sequence[str]
    lines: Sequence[Sequence[str]]
    remarks: Sequence[str]
    markdown: str
    is_right: bool
    draw: Callable[[], None] = lambda: None


@dataclass(frozen=True)
class Sizes:
    """How many readings each part gets, and how often a question is asked."""

    ingest: int
    queries: int
    backfill: int
    postgres: int
    runs: int


Say = Callable[[str], None]


def measure(
    only: Part | None, sizes: Sizes, *, write: bool, as_json: bool, progress: Callable[[], AbstractContextManager[Say]]
) -> None:
    """Measures the parts, tells them, and writes those that are right if wanted.

    Raises:
        typer.Exit: with 1 when an answer is wrong.
    """
    from benchmarks.results import write_section  # noqa: PLC0415

    signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that everything is stopped and removed
    measures = {Part.INGEST: _ingest, Part.QUERIES: _queries, Part.BACKFILL: _backfill}
    found: dict[Part, Told] = {}
    for part in [only] if only is not None else list(Part):
        with progress() as say:
            found[part] = measures[part](sizes, say)
        if not as_json:
            _show(part, found[part])
        if write:  # at once: the next part may take half an hour, or fail
            found[part].draw()
            write_section(f"lake: {part}", found[part].markdown)
    if as_json:
        typer.echo(json.dumps({part.value: told.for_programs for part, told in found.items()}, default=str))
    if not all(told.is_right for told in found.values()):
        raise typer.Exit(1)


def _ingest(sizes: Sizes, say: Say) -> Told:
    from benchmarks import lake_ingest  # noqa: PLC0415

    measured = lake_ingest.measure(sizes.ingest, say)
    head, *lines = lake_ingest.lines(measured)
    how = "`vaxel bench lake --only ingest --write`. Readings from Kafka into the lake.\n\n"
    is_right = not any(one.wrong for one in measured)
    return Told(lake_ingest.as_json(measured), head, lines, [], how + lake_ingest.markdown(measured), is_right)


def _backfill(sizes: Sizes, say: Say) -> Told:
    from benchmarks.engine.machine import machine  # noqa: PLC0415
    from benchmarks.lake_backfill import measure as measure_backfill  # noqa: PLC0415

    retold = measure_backfill(sizes.backfill, say)
    speed = retold.readings_per_s
    figures = {
        "readings/s": "WRONG" if speed is None else f"{speed:,.0f}",
        "readings": f"{retold.readings:,}",
        "sessions": f"{retold.sessions:,}",
        "processes": f"{retold.processes}",
        "seconds": f"{retold.seconds:.1f}",
        "answer": retold.wrong or "right",
    }
    how = (
        "`vaxel bench lake --only backfill --write`. All sessions of a lake told anew from its readings by the "
        "stream's own rules, without writing: each must be found as it is. Seconds are those of the whole run."
    )
    about = [f"- {name}: {what}" for name, what in machine().items()]
    table = [" | ".join(cells) for cells in (figures, ["---:"] * len(figures), figures.values())]
    markdown = "\n".join([how, "", *about, "", *(f"| {line} |" for line in table)])
    told = asdict(retold) | {"readings_per_s": speed}
    return Told(told, list(figures), [list(figures.values())], [], markdown, not retold.wrong)


def _queries(sizes: Sizes, say: Say) -> Told:
    from benchmarks import lake_asking, lake_report  # noqa: PLC0415
    from benchmarks.engine.machine import machine  # noqa: PLC0415
    from benchmarks.results import FOLDER  # noqa: PLC0415

    asked = lake_asking.measure(sizes.queries, sizes.runs, say, sizes.postgres)
    return Told(
        lake_asking.as_json(asked), lake_report.HEADINGS, lake_report.table(asked), lake_report.remarks(asked),
        lake_report.markdown(asked, sizes.runs, machine()), asked.is_right,
        lambda: lake_report.draw(asked, FOLDER / "lake.png"),
    )  # fmt: skip


def _show(part: Part, told: Told) -> None:
    from rich.console import Console  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415

    shown = Table(*told.headings, title=f"lake: {part}", title_justify="left")
    for line in told.lines:
        shown.add_row(*line)
    Console(width=None if sys.stdout.isatty() else 160).print(shown)
    for remark in told.remarks:
        typer.echo(remark)
