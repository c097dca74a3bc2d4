"""Pictures as files, which takes what draws them half a second to load."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path
from xml.etree import ElementTree as ET

import numpy as np
import pytest

from vaxel.plots import draw
from vaxel.plots.chart import Bars, Box, Boxes, Cells, Chart, Interval, Intervals, Line, Lines, Panel

DAYS = [date(2026, 5, 4), date(2026, 5, 11)]
PANELS: list[Panel] = [
    Lines("Lines", "week", "cycles", [Line("WM-1", DAYS, [1.0, None]), Line("WM-2", DAYS, [2.0, 3.0])]),
    Lines("Later", "later than", "%", [Line("all", [1.0, 60.0], [50.0, 0.0])], at=[(1.0, "1 s"), (60.0, "1 min")]),
    Bars("Bars", "% of cycles", ["DE", "SE"], [("eco", [40.0, 50.0]), ("wool", [60.0, 50.0])], ["n = 1", "n = 2"]),
    Boxes("Boxes", "%", [Box("WM-1", (-5.0, 0.0, 1.0, 2.0, 9.0), "3 cycles")]),
    Intervals("Intervals", "%", [Interval("WM-1", -1.0, 2.0, 5.0, "n = 4")]),
    Cells("Cells", "months", "sold", ["Apr 2026"], [1, 2], [[100.0, None]], [[False, False]]),
]
SVG = "{http://www.w3.org/2000/svg}"
PNG_BEGINS = b"\x89PNG\r\n\x1a\n"


@pytest.mark.parametrize("panel", PANELS, ids=lambda panel: panel.title)
def test_each_kind_of_panel_becomes_a_png(panel: Panel, tmp_path: Path) -> None:
    draw.save_png(Chart("Title", "told", [panel]), tmp_path / "plot.png")
    written = (tmp_path / "plot.png").read_bytes()
    assert written.startswith(PNG_BEGINS)
    assert len(written) > 5_000


@pytest.mark.parametrize(
    ("panel", "tips"),
    [
        (
            PANELS[0],
            {"WM-1, week 2026-05-04: 1 cycles", "WM-2, week 2026-05-04: 2 cycles", "WM-2, week 2026-05-11: 3 cycles"},
        ),
        (PANELS[1], {"all, later than 1 s: 50 %", "all, later than 1 min: 0 %"}),
        (PANELS[3], {"WM-1: median 1, half within 0 to 2, nine tenths within -5 to 9 %; 3 cycles"}),
        (PANELS[4], {"WM-1: 2 (-1 to 5) %; n = 4"}),
        (PANELS[5], {"Apr 2026, months 1: 100 %"}),
    ],
)  # fmt: skip
def test_marks_of_an_svg_tell_their_numbers(panel: Panel, tips: set[str]) -> None:
    root = ET.fromstring(draw.svg(Chart("Title", "told", [panel])))
    assert {title.text for title in root.iter(f"{SVG}title")} == tips
    assert not list(root.iter(f"{SVG}image")), "cells are shapes, not an image"


def test_the_same_numbers_give_the_same_svg() -> None:
    chart = Chart("Title", "told", PANELS[2:3])
    assert draw.svg(chart) == draw.svg(chart)


def test_weeks_have_a_tick_each_and_what_is_of_a_part_is_joined_to_nothing() -> None:
    weeks = [date(2026, 12, 21) + timedelta(weeks=number) for number in range(3)]
    panel = Lines("T", "week", "cycles", [Line("WM-1", weeks, [5.0, 6.0, 1.0], [False, False, True])])
    with draw._drawn(Chart("Title", "told", [panel])) as (figure, _):
        (axes,) = figure.axes
        assert [label.get_text() for label in axes.get_xticklabels()] == ["21 Dec\n2026", "28 Dec", "4 Jan\n2027"]
        joined, alone = axes.get_lines()[:2]
        assert np.isfinite(np.asarray(joined.get_ydata(), dtype=float)).tolist() == [True, True, False]
        assert np.isfinite(np.asarray(alone.get_ydata(), dtype=float)).tolist() == [False, False, True]
        assert alone.get_linestyle() == "None"


def test_one_week_fills_the_axis_with_no_other_days() -> None:
    panel = Lines("T", "week", "cycles", [Line("WM-1", DAYS[:1], [5.0])])
    with draw._drawn(Chart("Title", "told", [panel])) as (figure, _):
        assert [label.get_text() for label in figure.axes[0].get_xticklabels()] == ["4 May\n2026"]


def test_points_of_two_lines_in_one_place_are_both_seen() -> None:
    panel = Lines("T", "week", "cycles", [Line(name, DAYS, [5.0, 6.0]) for name in ("WM-1", "WM-2")])
    with draw._drawn(Chart("Title", "told", [panel])) as (figure, _):
        drawn = [line for line in figure.axes[0].get_lines() if line.get_label() in ("WM-1", "WM-2")]
        assert len({line.get_marker() for line in drawn}) == 2
        assert drawn[0].get_markersize() > drawn[1].get_markersize()


def test_what_is_known_at_marks_alone_is_drawn_in_steps() -> None:
    with draw._drawn(Chart("Title", "told", [PANELS[1]])) as (figure, _):
        assert figure.axes[0].get_lines()[0].get_drawstyle() == "steps-post"


def test_counts_have_whole_numbers_and_the_legend_names_what_is_there() -> None:
    panel = Bars("Alerts", "alerts", ["bearing"], [("still holds", [1.0]), ("cleared", [0.0])], ["1"])
    with draw._drawn(Chart("Title", "told", [panel])) as (figure, _):
        (axes,) = figure.axes
        assert all(float(tick).is_integer() for tick in axes.get_xticks())
        legend = axes.get_legend()
        assert legend is not None
        assert [text.get_text() for text in legend.get_texts()] == ["still holds"]


def test_a_hole_in_a_line_and_what_lies_on_zero_are_drawn_honestly() -> None:
    with draw._drawn(Chart("Title", "told", PANELS[:1])) as (figure, _):
        (axes,) = figure.axes
        assert axes.get_ylim()[0] == 0
        assert axes.get_xlabel() == "week"
        assert axes.get_ylabel() == "cycles"
