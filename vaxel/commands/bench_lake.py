"""`vaxel bench lake`: into the lake, out of it, and over it again."""

from __future__ import annotations

import json
import signal
import sys
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from enum import StrEnum
from importlib import import_module
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

    return _listed(lake_ingest, lake_ingest.measure(sizes.ingest, say), Part.INGEST)


def _backfill(sizes: Sizes, say: Say) -> Told:
    lake_backfill = import_module("benchmarks.lake_backfill")
    return _listed(lake_backfill, lake_backfill.measure(sizes.backfill, say), Part.BACKFILL)


def _listed(benchmark: Any, measured: Sequence[Any], part: Part) -> Told:
    """Of a benchmark whose `lines` begin with a heading, and whose measurements say what is wrong."""
    head, *lines = benchmark.lines(measured)
    how = f"`vaxel bench lake --only {part} --write`\n\n"
    is_right = not any(one.wrong for one in measured)
    return Told(benchmark.as_json(measured), head, lines, [], how + benchmark.markdown(measured), is_right)


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
