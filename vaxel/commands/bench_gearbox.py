"""`vaxel bench gearbox`: plan, apply, plan again, undo; beside a sink that upserts without asking."""

from __future__ import annotations

import json
import signal
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from benchmarks.gearbox import Measured

Say = Callable[[str], None]


def measure(
    rows: int, changes: int, runs: int, *, write: bool, as_json: bool,
    progress: Callable[[], AbstractContextManager[Say]],
) -> None:  # fmt: skip
    """Measures all contenders, tells what was found, and writes it if wanted.

    Raises:
        UsageError: there are not as many rows as shall change.
        typer.Exit: with 1 when an answer is wrong.
    """
    from benchmarks import gearbox, gearbox_report  # noqa: PLC0415
    from benchmarks.engine.machine import machine  # noqa: PLC0415
    from benchmarks.results import write_section  # noqa: PLC0415
    from schemas.errors import UsageError  # noqa: PLC0415

    if changes > rows:
        raise UsageError(f"--changes {changes} is not accepted: at most as many as --rows, {rows}")
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that everything is stopped and removed
    with progress() as say:
        measured = gearbox.measure(gearbox.Size(rows, changes, runs), say)
    if as_json:
        typer.echo(json.dumps(gearbox_report.as_json(measured), default=str))
    else:
        _show(measured)
    if write:
        write_section("gearbox", gearbox_report.markdown(measured, machine()))
    if not measured.is_right:
        raise typer.Exit(1)


def _show(measured: Measured) -> None:
    from rich.console import Console  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415

    from benchmarks.gearbox_report import GUARANTEES, HEADINGS, guarantees, remarks, table  # noqa: PLC0415

    for headings, lines in ((HEADINGS, table(measured)), (GUARANTEES, guarantees(measured))):
        shown = Table(*headings)
        for line in lines:
            shown.add_row(*line)
        Console(width=None if sys.stdout.isatty() else 160).print(shown)
    for remark in remarks(measured):
        typer.echo(remark)
