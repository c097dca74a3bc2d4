"""How far a long command is, on stderr: a bar where somebody watches, a line now and then where not."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import typer

LINE_EVERY_S = 10.0
_LEFT_FROM_SHARE = 0.01
_LEFT_FROM_S = 10.0

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
            how_fast = _how_fast(share, count, things, now_s - started_s)
            typer.echo(f"{name}: {share * 100:.0f} %, {how_fast}", err=True)

    return show


@contextmanager
def _bar(name: str, things: str) -> Iterator[Show]:
    from rich.console import Console  # noqa: PLC0415
    from rich.progress import BarColumn, Progress, TextColumn  # noqa: PLC0415

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f} %  {task.fields[how_fast]}"),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(name, total=1.0, how_fast="")
        started_s = time.monotonic()
        yield lambda share, count: bar.update(
            task, completed=share, how_fast=_how_fast(share, count, things, time.monotonic() - started_s)
        )


def _how_fast(share: float, count: int, things: str, seconds: float) -> str:
    """How many there are, how fast that was, and how long it will still take if it goes on like that, if that is known.

    The share is that of the time a run is slowed down to, if it is: so what is left is right from the first minute on.
    """
    told = f"{count:,} {things}, {count / max(seconds, 0.001):,.0f}/s"
    if share > _LEFT_FROM_SHARE or (share > 0 and seconds >= _LEFT_FROM_S):
        told += f", {_duration(seconds * (1 - share) / share)} left"
    return told


def _duration(seconds: float) -> str:
    if seconds < 100:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 100 else f"{minutes // 60:,} h {minutes % 60} min"
