"""Draws a chart with matplotlib, as a PNG, or as an SVG whose marks tell their numbers where the mouse rests."""

from __future__ import annotations

import io
import re
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vaxel.plots.chart import Bars, Boxes, Cells, Chart, Intervals, Lines, Panel

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLOURS = ("#1b7f5c", "#d1672b", "#3f6fb5", "#b23b6f", "#8a8d2a", "#6b4fa0", "#3a9aa5", "#7d5a3c", "#9aa5a1")
DARK, GREY = COLOURS[0], COLOURS[-1]
DASHES = ("-", "--", "-.", ":")
"""By turns, so that a line that lies on another one is seen."""
OF_WORD = {"still holds": COLOURS[1], "cleared": GREY, "not known": GREY}
"""Colours of parts that have a meaning of their own."""
WIDTH_INCHES = 11.0
HEAD_INCHES = 0.5
MOST_TIPS = 4_000
"""Above that an SVG gets slow; the numbers are in the table beside it."""
_MARK = re.compile(r'<g id="(tip-\d+)">')

Tips = dict[str, str]
"""Text of each mark, by the id that it has in the SVG."""


def save_png(chart: Chart, path: Path) -> None:
    """Writes the chart as PNG, over what was there."""
    with _drawn(chart) as (figure, _):
        figure.savefig(path, format="png", dpi=110)


def svg(chart: Chart) -> str:
    """The chart as SVG; each mark has a title, which browsers show as a tooltip."""
    with _drawn(chart) as (figure, tips):
        written = io.StringIO()
        # Without a date the same numbers give the same bytes.
        figure.savefig(written, format="svg", metadata={"Date": None, "Creator": None})
    text = written.getvalue()
    return _MARK.sub(lambda mark: f"{mark[0]}<title>{escape(tips[mark[1]])}</title>", text[text.index("<svg") :])


@contextmanager
def _drawn(chart: Chart) -> Iterator[tuple[Figure, Tips]]:
    import matplotlib as mpl  # noqa: PLC0415  (slow to import)

    mpl.use("Agg")
    from matplotlib import pyplot  # noqa: PLC0415

    told = textwrap.wrap(chart.told, 165)
    heights = [_height(panel) for panel in chart.panels]
    rows, columns = (1, len(heights)) if chart.is_side_by_side else (len(heights), 1)
    heights = [max(heights)] if chart.is_side_by_side else heights
    foot_inches = 0.18 * len(told) + 0.12
    inches = sum(heights) + HEAD_INCHES + foot_inches
    with mpl.rc_context({"svg.hashsalt": "vaxel", "svg.fonttype": "none", "font.size": 9}):
        figure, axes = pyplot.subplots(
            rows, columns, figsize=(WIDTH_INCHES, inches), height_ratios=heights, squeeze=False,
            sharey=chart.is_side_by_side, sharex=_is_one_axis(chart),
        )  # fmt: skip
        figure.text(0.01, 1 - 0.1 / inches, chart.title, fontsize=14, fontweight="bold", va="top")
        figure.text(0.01, 0.08 / inches, "\n".join(told), fontsize=8.5, color="#555555", va="bottom")
        inner = (inches - HEAD_INCHES - foot_inches) / inches
        figure.set_layout_engine("constrained", rect=(0.005, foot_inches / inches, 0.99, inner))
        tips: Tips = {}
        try:
            for panel, place in zip(chart.panels, axes.flat, strict=True):
                _draw(panel, place, tips)
            yield figure, tips
        finally:
            pyplot.close(figure)


def _is_one_axis(chart: Chart) -> bool:
    """Whether all panels lie over one another on the same axis, so that one can look from one to the next."""
    return len({panel.across for panel in chart.panels if isinstance(panel, Lines)}) == 1 and all(
        isinstance(panel, Lines) for panel in chart.panels
    )


def _height(panel: Panel) -> float:
    match panel:
        case Bars():
            return 1.0 + 0.34 * max(len(panel.names), 2)
        case Boxes():
            return 1.0 + 0.42 * max(len(panel.boxes), 2)
        case Intervals():
            return 1.0 + 0.5 * max(len(panel.intervals), 2)
        case Cells():
            return 1.3 + 0.3 * max(len(panel.names), 3)
        case Lines():
            return 2.9


def _draw(panel: Panel, axes: Axes, tips: Tips) -> None:
    axes.set_title(panel.title, loc="left", fontsize=10.5)
    axes.spines[["top", "right"]].set_visible(False)
    match panel:
        case Lines():
            _lines(panel, axes, tips)
        case Bars():
            _bars(panel, axes, tips)
        case Boxes():
            _boxes(panel, axes, tips)
        case Intervals():
            _intervals(panel, axes, tips)
        case Cells():
            _cells(panel, axes, tips)


def _lines(panel: Lines, axes: Axes, tips: Tips) -> None:
    from matplotlib import dates  # noqa: PLC0415

    hole = float("nan")
    total = sum(len(line.places) for line in panel.lines)
    for number, line in enumerate(panel.lines):
        colour = COLOURS[number % len(COLOURS)]
        places: list[Any] = list(line.places)
        values = [hole if value is None else value for value in line.values]
        axes.plot(places, values, linewidth=1.5, color=colour, label=line.name,
                  linestyle=DASHES[number % len(DASHES)] if panel.at else "-")  # fmt: skip
        if not panel.has_points:
            continue
        axes.plot(places, values, marker="o", linestyle="", markersize=3.5, color=colour)
        for place, value in zip(places, values, strict=True):
            if total <= MOST_TIPS and value == value:  # noqa: PLR0124  (a hole is not itself)
                where = next((told for at, told in panel.at if at == place), _said(place))
                tip = _tip(tips, f"{line.name}, {panel.across} {where}: {_said(value)} {panel.up}")
                axes.plot([place], [value], marker="o", linestyle="", markersize=9, alpha=0.0, color=colour, gid=tip)
    axes.set_xlabel(panel.across)
    axes.set_ylabel(panel.up)
    axes.tick_params(labelbottom=True)
    axes.grid(alpha=0.25)
    if panel.at:
        axes.set_xscale("log")
        axes.set_xticks([at for at, _ in panel.at], [told for _, told in panel.at])
        axes.minorticks_off()
    elif any(isinstance(place, date) for line in panel.lines for place in line.places):
        locator = dates.AutoDateLocator()  # type: ignore[no-untyped-call]
        axes.xaxis.set_major_locator(locator)
        axes.xaxis.set_major_formatter(dates.ConciseDateFormatter(locator))  # type: ignore[no-untyped-call]
    elif panel.across.startswith("hour"):
        axes.set_xticks(range(0, 24, 2))
    if panel.beneath == "zero":
        axes.set_ylim(bottom=0)
    if panel.is_upside_down:
        axes.invert_yaxis()
        axes.set_ylabel(f"{panel.up} (faster is higher)")
    if len(panel.lines) > 1:
        axes.legend(frameon=False, fontsize=8, loc="upper left", bbox_to_anchor=(1.0, 1.0))


def _bars(panel: Bars, axes: Axes, tips: Tips) -> None:
    left = [0.0] * len(panel.names)
    for number, (part, lengths) in enumerate(panel.parts):
        colour = OF_WORD.get(part, COLOURS[number % len(COLOURS)])
        drawn = axes.barh(range(len(panel.names)), list(lengths), left=left, color=colour, label=part, height=0.7)
        for bar, name, length in zip(drawn, panel.names, lengths, strict=True):
            bar.set_gid(_tip(tips, f"{name}, {part}: {_said(length)} {panel.across}"))
        left = [before + length for before, length in zip(left, lengths, strict=True)]
    for place, note in enumerate(panel.notes):
        axes.annotate(f"  {note}", (left[place], place), va="center", fontsize=8, color="#555555")
    axes.set_yticks(range(len(panel.names)), list(panel.names))
    axes.set_xlabel(panel.across)
    axes.set_xlim(0, max(max(left, default=0.0), 1e-9) * 1.2)
    if panel.across.startswith("%"):
        axes.set_xticks(range(0, 101, 20))
    axes.grid(axis="x", alpha=0.25)
    axes.set_axisbelow(True)
    axes.legend(frameon=False, fontsize=8, loc="upper left", bbox_to_anchor=(1.0, 1.0))


def _boxes(panel: Boxes, axes: Axes, tips: Tips) -> None:
    for place, box in enumerate(panel.boxes):
        y = len(panel.boxes) - 1 - place
        p05, p25, p50, p75, p95 = box.quantiles
        axes.plot([p05, p95], [y, y], color=DARK, linewidth=1.2)
        told = f"{box.name}: median {_said(p50)}, half within {_said(p25)} to {_said(p75)}, nine tenths"
        tip = _tip(tips, f"{told} within {_said(p05)} to {_said(p95)} {panel.across}; {box.note}")
        axes.barh([y], [p75 - p25], left=[p25], height=0.5, color="#8fc7b3", edgecolor=DARK)
        axes.patches[-1].set_gid(tip)
        axes.plot([p50, p50], [y - 0.25, y + 0.25], color=DARK, linewidth=2)
        axes.annotate(box.note, (1.0, y), xycoords=("axes fraction", "data"), va="center", fontsize=8, color="#555555")
    axes.set_yticks(range(len(panel.boxes)), [box.name for box in panel.boxes][::-1])
    _zero_line(axes, panel.across)


def _intervals(panel: Intervals, axes: Axes, tips: Tips) -> None:
    for place, one in enumerate(panel.intervals):
        y = len(panel.intervals) - 1 - place
        tip = _tip(
            tips, f"{one.name}: {_said(one.mean)} ({_said(one.low)} to {_said(one.high)}) {panel.across}; {one.note}"
        )
        axes.plot([one.low, one.high], [y, y], color=DARK, linewidth=1.6, solid_capstyle="butt")
        axes.plot([one.mean], [y], marker="o", color=DARK, markersize=6, gid=tip)
        axes.annotate(one.note, (1.0, y), xycoords=("axes fraction", "data"), va="center", fontsize=8, color="#555555")
    axes.set_ylim(-0.6, len(panel.intervals) - 0.4)
    axes.set_yticks(range(len(panel.intervals)), [one.name for one in panel.intervals][::-1], fontsize=8)
    axes.margins(x=0.12)
    _zero_line(axes, panel.across)


def _zero_line(axes: Axes, across: str) -> None:
    axes.axvline(0, color="#555555", linewidth=0.8)
    axes.set_xlabel(across)
    axes.grid(axis="x", alpha=0.25)
    axes.set_axisbelow(True)


def _cells(panel: Cells, axes: Axes, tips: Tips) -> None:
    from matplotlib import colormaps  # noqa: PLC0415
    from matplotlib.patches import Rectangle  # noqa: PLC0415

    shades = colormaps["YlGn"]
    for row, (name, values, partial) in enumerate(zip(panel.names, panel.values, panel.are_partial, strict=True)):
        y = len(panel.names) - 1 - row
        for column, value, is_partial in zip(panel.columns, values, partial, strict=True):
            if value is None:
                continue
            tip = _tip(tips, f"{name}, {panel.across} {column}: {value:.0f} %")
            axes.add_patch(
                Rectangle((column - 0.5, y - 0.5), 1, 1, facecolor=shades(value / 100), edgecolor="white", gid=tip)
            )
            colour = "white" if value > 60 else "#333333"
            axes.annotate(
                f"{value:.0f}{'*' if is_partial else ''}",
                (column, y),
                ha="center",
                va="center",
                fontsize=7.5,
                color=colour,
            )
    axes.set_xlim(-0.5, len(panel.columns) - 0.5)
    axes.set_ylim(-0.5, len(panel.names) - 0.5)
    axes.set_xticks(list(panel.columns))
    axes.set_yticks(range(len(panel.names)), list(panel.names)[::-1])
    axes.set_xlabel(panel.across)
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)


def _tip(tips: Tips, text: str) -> str:
    name = f"tip-{len(tips)}"
    tips[name] = text
    return name


def _said(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= 100 else f"{value:,.3g}"
    return str(value)
