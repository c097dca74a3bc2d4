"""How far a long command is, on stderr: a bar where somebody watches, a line now and then where not."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import typer

LINE_EVERY_S = 10.0

Show = Callable[[float, int], None]
"""Takes the share that is done, 0 to 1, and the number of things done."""


@contextmanager
def progress(name: str, things: str, *, quiet: bool) -> Iterator[Show]:
    """Something to call as often as one likes; it shows nothing when quiet."""
    if quiet:
        yield lambda _share, _count: None
    elif sys.stderr.isatty():
        with _bar(name, things) as show:
            yield show
    else:
        yield _lines(name, things)


def _lines(name: str, things: str) -> Show:
    started_s = told_s = time.monotonic()

    def show(share: float, count: int) -> None:
        nonlocal told_s
        now_s = time.monotonic()
        if now_s - told_s >= LINE_EVERY_S:
            told_s = now_s
            typer.echo(
                f"{name}: {share * 100:.0f} %, {count:,} {things}, {_rate(count, now_s - started_s)}/s"
                f"{_left(share, now_s - started_s)}",
                err=True,
            )

    return show


@contextmanager
def _bar(name: str, things: str) -> Iterator[Show]:
    from rich.console import Console  # noqa: PLC0415
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn  # noqa: PLC0415

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn(
            "{task.percentage:>3.0f} %  {task.fields[count]} {task.fields[things]}, {task.fields[rate]}/s, left"
        ),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(name, total=1.0, count=0, things=things, rate=0)
        started_s = time.monotonic()
        yield lambda share, count: bar.update(
            task, completed=share, count=count, rate=_rate(count, time.monotonic() - started_s)
        )


def _rate(count: int, seconds: float) -> int:
    return round(count / max(seconds, 0.001))


def _left(share: float, seconds: float) -> str:
    """How long it will still take, if it goes on like that; nothing while that cannot be told."""
    return f", {seconds * (1 - share) / share:,.0f} s left" if share > 0.01 else ""
