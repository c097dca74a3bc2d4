"""Draws a chart with matplotlib, as a PNG, or as an SVG whose marks tell their numbers where the mouse rests."""

from __future__ import annotations

import io
import re
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

from vaxel.plots.chart import Bars, Boxes, Cells, Chart, Intervals, Lines, Panel
from vaxel.plots.draw_lines import COLOURS, draw_lines
from vaxel.plots.tips import Tips, said, tip_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

DARK, GREY = COLOURS[0], COLOURS[-1]
OF_WORD = {"still holds": COLOURS[1], "cleared": GREY, "not known": GREY}
"""Colours of parts that have a meaning of their own."""
WIDTH_INCHES = 11.0
LETTER_WIDTH = 0.0085
"""Of a note, as a share of the longest bar."""
HEAD_INCHES = 0.5
_MARK = re.compile(r'<g id="(tip-\d+)">')


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
            draw_lines(panel, axes, tips)
        case Bars():
            _bars(panel, axes, tips)
        case Boxes():
            _boxes(panel, axes, tips)
        case Intervals():
            _intervals(panel, axes, tips)
        case Cells():
            _cells(panel, axes, tips)


def _bars(panel: Bars, axes: Axes, tips: Tips) -> None:
    from matplotlib.ticker import MaxNLocator  # noqa: PLC0415

    left = [0.0] * len(panel.names)
    for number, (part, lengths) in enumerate(panel.parts):
        colour = OF_WORD.get(part, COLOURS[number % len(COLOURS)])
        # Of what is not there a legend says nothing.
        name_shown = part if any(lengths) else "_"
        drawn = axes.barh(range(len(panel.names)), list(lengths), left=left, color=colour, label=name_shown, height=0.7)
        for bar, name, length in zip(drawn, panel.names, lengths, strict=True):
            bar.set_gid(tip_of(tips, f"{name}, {part}: {said(length)} {panel.across}"))
        left = [before + length for before, length in zip(left, lengths, strict=True)]
    for place, note in enumerate(panel.notes):
        axes.annotate(f"  {note}", (left[place], place), va="center", fontsize=8, color="#555555")
    axes.set_yticks(range(len(panel.names)), list(panel.names))
    axes.set_xlabel(panel.across)
    # Room for the notes behind the bars: letters are as wide whatever the bars are long.
    room = 1.08 + LETTER_WIDTH * max((len(note) for note in panel.notes), default=0)
    axes.set_xlim(0, max(max(left, default=0.0), 1e-9) * room)
    if panel.across.startswith("%"):
        axes.set_xticks(range(0, 101, 20))
    else:
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.grid(axis="x", alpha=0.25)
    axes.set_axisbelow(True)
    axes.legend(frameon=False, fontsize=8, loc="upper left", bbox_to_anchor=(1.0, 1.0))


def _boxes(panel: Boxes, axes: Axes, tips: Tips) -> None:
    for place, box in enumerate(panel.boxes):
        y = len(panel.boxes) - 1 - place
        p05, p25, p50, p75, p95 = box.quantiles
        axes.plot([p05, p95], [y, y], color=DARK, linewidth=1.2)
        told = f"{box.name}: median {said(p50)}, half within {said(p25)} to {said(p75)}, nine tenths"
        tip = tip_of(tips, f"{told} within {said(p05)} to {said(p95)} {panel.across}; {box.note}")
        axes.barh([y], [p75 - p25], left=[p25], height=0.5, color="#8fc7b3", edgecolor=DARK)
        axes.patches[-1].set_gid(tip)
        axes.plot([p50, p50], [y - 0.25, y + 0.25], color=DARK, linewidth=2)
        axes.annotate(box.note, (1.0, y), xycoords=("axes fraction", "data"), va="center", fontsize=8, color="#555555")
    axes.set_yticks(range(len(panel.boxes)), [box.name for box in panel.boxes][::-1])
    _zero_line(axes, panel.across)


def _intervals(panel: Intervals, axes: Axes, tips: Tips) -> None:
    for place, one in enumerate(panel.intervals):
        y = len(panel.intervals) - 1 - place
        tip = tip_of(
            tips, f"{one.name}: {said(one.mean)} ({said(one.low)} to {said(one.high)}) {panel.across}; {one.note}"
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
            tip = tip_of(tips, f"{name}, {panel.across} {column}: {value:.0f} %")
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
