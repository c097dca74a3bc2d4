"""`vaxel plot`: pictures of the lake."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from schemas.errors import UsageError
from vaxel.commands.options import DEFAULT_DATA_DIR, AsJson, DataDir

if TYPE_CHECKING:
    from vaxel.plots.chart import Chart
    from vaxel.plots.plot import Filters, Plot

SUFFIXES = (".png", ".html")
_DAYS = ["%Y-%m-%d", "%Y-%m-%dT%H:%M"]


def plot(
    name: Annotated[str | None, typer.Argument(metavar="[NAME]", help="Which; without it, a list of them.")] = None,
    *,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE.png|FILE.html", help="Default: NAME.png, here.")
    ] = None,
    material: Annotated[str | None, typer.Option(help="Only this model, by its material number.")] = None,
    country: Annotated[str | None, typer.Option(help="Only where devices stood in this country (DE).")] = None,
    since: Annotated[datetime | None, typer.Option(formats=_DAYS, help="From this day or instant on (UTC).")] = None,
    until: Annotated[datetime | None, typer.Option(formats=_DAYS, help="Before this day or instant (UTC).")] = None,
    device: Annotated[str | None, typer.Option(help="Only this device.")] = None,
    session: Annotated[str | None, typer.Option(help="Only this wash cycle or run, by its session_id.")] = None,
    as_of: Annotated[
        str | None,
        typer.Option(
            "--as-of",
            metavar="TIME",
            help="What was known then: '2026-05-03 14:03' is UTC, +02:00 may follow; of a day alone its end.",
        ),
    ] = None,
    data_dir: DataDir = DEFAULT_DATA_DIR,
    as_json: AsJson = False,
) -> None:
    """Draw a picture of the lake: `vaxel plot usage`, `vaxel plot label --out label.html`.

    An HTML file needs no network: marks tell their numbers where the mouse rests, and the tables are below. Only you
    can read a new file (mode 0600), as all that vaxel writes: chmod it for others. An old file keeps its mode.
    With --json the numbers are printed and nothing is drawn. Exit code 1 when there is nothing to draw.
    """
    from vaxel.plots import PLOTS  # noqa: PLC0415

    if name is None:
        _list(as_json=as_json)
        return
    chosen = next((known for known in PLOTS if known.name == name), None)
    if chosen is None:
        raise UsageError(f"there is no plot {name!r}; there are {', '.join(known.name for known in PLOTS)}")
    path = Path(f"{name}.png") if out is None else out
    if path.suffix not in SUFFIXES:
        raise UsageError(f"cannot draw into {str(path)!r}: its name has to end in {' or '.join(SUFFIXES)}")
    filters: Filters = {
        "material": material, "country": country, "since": since, "until": until, "device": device, "session": session,
    }  # fmt: skip
    chosen.parameters(filters)  # before anything is opened
    chart = _ask(chosen, filters, as_of, data_dir)
    if chart is None:
        narrowed = " that fits" if any(value is not None for value in filters.values()) else ""
        typer.echo(f"vaxel: nothing to draw: the lake {chosen.lacks}{narrowed}", err=True)
        raise typer.Exit(1)
    if as_json:
        typer.echo(json.dumps(_numbers(chart), default=_as_text, ensure_ascii=False))
        return
    _write(chart, path, chosen, filters)
    typer.echo(f"{path}: {chart.title}{'' if chart.title.endswith('?') else '.'} {chart.told}")


def _list(*, as_json: bool) -> None:
    from vaxel.plots import PLOTS  # noqa: PLC0415

    if as_json:
        listed = [{"name": one.name, "meaning": one.meaning, "filters": list(one.filters)} for one in PLOTS]
        typer.echo(json.dumps(listed))
        return
    width = max(len(one.name) for one in PLOTS)
    for one in PLOTS:
        typer.echo(f"{one.name:{width}}  {one.meaning}")


def _ask(chosen: Plot, filters: Filters, as_of: str | None, data_dir: Path) -> Chart | None:
    """What is to be drawn; None when no row fits."""
    from sinks.lake.connection import open_reader, outside  # noqa: PLC0415
    from sinks.lake.snapshots import known_at, snapshots  # noqa: PLC0415
    from vaxel.instants import end_ms  # noqa: PLC0415
    from vaxel.settings import addresses  # noqa: PLC0415

    at_ms = None if as_of is None else end_ms(as_of)
    known = addresses(os.environ, data_dir)
    snapshot = None if at_ms is None else known_at(snapshots(known.catalog), at_ms)
    number = None if snapshot is None else snapshot.number
    with (
        open_reader(known.catalog, known.lake_files, as_of=number) as lake,
        outside(f"ask the lake for {chosen.name!r}"),
    ):
        rows = chosen.ask(lake, filters)
    if not rows:
        return None
    chart = chosen.prepare(rows)
    return replace(chart, told=f"{chart.told}; {'as known now' if snapshot is None else f'as of snapshot {snapshot}'}")


def _write(chart: Chart, path: Path, chosen: Plot, filters: Filters) -> None:
    from vaxel.plots import draw, page  # noqa: PLC0415

    try:
        if path.suffix == ".png":
            draw.save_png(chart, path)
        else:
            given = "".join(f" --{name} {value}" for name, value in filters.items() if value is not None)
            path.write_text(page.page(chart, draw.svg(chart), f"vaxel plot {chosen.name}{given}"), encoding="utf-8")
    except OSError as error:
        raise UsageError(f"cannot write {str(path)!r}: {error.strerror}") from error


def _numbers(chart: Chart) -> dict[str, object]:
    panels = []
    for panel in chart.panels:
        names, rows = panel.numbers()
        panels.append({"title": panel.title, "columns": names, "rows": rows})
    return {"title": chart.title, "told": chart.told, "panels": panels}


def _as_text(value: object) -> str:
    return value.isoformat() if isinstance(value, date) else str(value)
