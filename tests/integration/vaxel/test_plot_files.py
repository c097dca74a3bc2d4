"""Pictures as files, which takes what draws them half a second to load."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from xml.etree import ElementTree as ET

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


def test_a_hole_in_a_line_and_what_lies_on_zero_are_drawn_honestly() -> None:
    with draw._drawn(Chart("Title", "told", PANELS[:1])) as (figure, _):
        (axes,) = figure.axes
        assert axes.get_ylim()[0] == 0
        assert axes.get_xlabel() == "week"
        assert axes.get_ylabel() == "cycles"
