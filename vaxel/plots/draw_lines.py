"""Draws lines with matplotlib: over days, instants, or any other quantity."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any, cast

from vaxel.plots.chart import Lines
from vaxel.plots.tips import Tips, said, tip_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLOURS = ("#1b7f5c", "#d1672b", "#3f6fb5", "#b23b6f", "#8a8d2a", "#6b4fa0", "#3a9aa5", "#7d5a3c", "#9aa5a1")
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<", ">")
SMALLEST_MARKER, LARGEST_MARKER = 3.5, 8.0
"""Points: earlier lines have larger ones, so that a point that lies on another one hides no more than its middle."""
MANY_PLACES = 500
"""From so many on, a line is thin: a thick one would be a band."""
MOST_WEEKS = 14
"""So many dates have a tick each; of more, every second or third."""
DASHES = ("-", "--", "-.", ":")
"""By turns, so that a line that lies on another one is seen."""
MOST_TIPS = 4_000
"""Above that an SVG gets slow; the numbers are in the table beside it."""


def draw_lines(panel: Lines, axes: Axes, tips: Tips) -> None:
    """Draws the panel; marks note what they tell in `tips`."""
    hole = float("nan")
    total = sum(len(line.places) for line in panel.lines)
    for number, line in enumerate(panel.lines):
        colour = COLOURS[number % len(COLOURS)]
        places: list[Any] = list(line.places)
        values = [hole if value is None else value for value in line.values]
        partial = line.are_partial or [False] * len(places)
        joined = [hole if is_partial else value for value, is_partial in zip(values, partial, strict=True)]
        alone = [value if is_partial else hole for value, is_partial in zip(values, partial, strict=True)]
        marker = MARKERS[number % len(MARKERS)] if panel.has_points else ""
        size = _marker_size(number, len(panel.lines))
        width = 1.5 if len(places) < MANY_PLACES else 0.9
        dash, way = (DASHES[number % len(DASHES)], "steps-post") if panel.at else ("-", "default")
        axes.plot(places, joined, linewidth=width, linestyle=dash, drawstyle=way, label=line.name, color=colour,
                  marker=marker, markersize=size, clip_on=not panel.has_points)  # fmt: skip
        if not panel.has_points:
            continue
        axes.plot(
            places,
            alone,
            linestyle="",
            color=colour,
            marker=marker,
            markersize=size + 1,
            markerfacecolor="white",
            clip_on=False,
        )
        for place, value, is_partial in zip(places, values, partial, strict=True):
            if total <= MOST_TIPS and value == value:  # noqa: PLR0124  (a hole is not itself)
                where = next((told for at, told in panel.at if at == place), said(place))
                where += " (a part of it)" if is_partial else ""
                tip = tip_of(tips, f"{line.name}, {panel.across} {where}: {said(value)} {panel.up}")
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
        _date_ticks(axes, sorted({place for line in panel.lines for place in line.places if isinstance(place, date)}))
    elif panel.across.startswith("hour"):
        axes.set_xticks(range(0, 24, 2))
    if panel.beneath == "zero":
        axes.set_ylim(bottom=0)
    if panel.is_upside_down:
        axes.invert_yaxis()
        axes.set_ylabel(f"{panel.up} (faster is higher)")
    if len(panel.lines) > 1 or any(line.are_partial for line in panel.lines):
        axes.legend(frameon=False, fontsize=8, loc="upper left", bbox_to_anchor=(1.0, 1.0))


def _marker_size(number: int, lines: int) -> float:
    """Of the points of one of so many lines."""
    step = min(3.0, (LARGEST_MARKER - SMALLEST_MARKER) / max(lines - 1, 1))
    return SMALLEST_MARKER + step * (lines - 1 - number)


def _date_ticks(axes: Axes, places: list[date]) -> None:
    """Ticks on the days that have a value, or, of instants, on hours and midnights: "4 May", "2026" where it begins."""
    from matplotlib import dates  # noqa: PLC0415

    if isinstance(places[0], datetime):
        locator = dates.AutoDateLocator()  # type: ignore[no-untyped-call]
        axes.xaxis.set_major_locator(locator)
        levels = ["%Y", "%b %Y", "%-d %b", "%H:%M", "%H:%M", "%H:%M:%S"]
        zeros = ["", "%Y", "%-d %b", "%-d %b", "%H:%M", "%H:%M"]
        axes.xaxis.set_major_formatter(
            dates.ConciseDateFormatter(locator, formats=levels, zero_formats=zeros, show_offset=False)  # type: ignore[no-untyped-call]
        )
        return
    shown = places[:: -(-len(places) // MOST_WEEKS)]
    years = [day.year for day in shown]
    named = [
        f"{day.day} {day:%b}" + (f"\n{day.year}" if place == 0 or years[place - 1] != day.year else "")
        for place, day in enumerate(shown)
    ]
    axes.set_xticks(cast("Any", shown), named)
    if len(places) == 1:
        # Around one day matplotlib would show years.
        axes.set_xlim(cast("Any", places[0] - timedelta(weeks=1)), cast("Any", places[0] + timedelta(weeks=1)))
