"""What a plot shows, as data: panels of lines, bars, boxes, intervals or cells. Pure: how it looks is `draw`'s.

Each panel can tell the numbers behind it as a table: names of columns, and rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal

Place = date | datetime | float | int
"""A place on a horizontal axis that has a scale."""
Cell = str | date | datetime | float | int | None
Table = tuple[tuple[str, ...], list[tuple[Cell, ...]]]

Beneath = Literal["zero", "data"]
"""Where a vertical axis begins: at zero (amounts), or near the data (pace, temperatures, differences)."""


@dataclass(frozen=True)
class Line:
    """One line: equally many places and values; a value that is None leaves a hole.

    Attributes:
        are_partial: Which values are of a part only: they are shown, and joined to none. Empty: none is.
    """

    name: str
    places: Sequence[Place]
    values: Sequence[float | None]
    are_partial: Sequence[bool] = ()


@dataclass(frozen=True)
class Lines:
    """Values over time or over another quantity.

    Attributes:
        has_points: Each value gets a point and a tooltip; without, the line alone (a reading every few seconds).
        at: Vertical marks and their names, on an axis of seconds that grow tenfold; else empty. Nothing is known of
            what is between two marks, so lines are steps.
    """

    title: str
    across: str
    up: str
    lines: Sequence[Line]
    beneath: Beneath = "zero"
    has_points: bool = True
    is_upside_down: bool = False
    at: Sequence[tuple[float, str]] = ()

    def numbers(self) -> Table:
        rows: list[tuple[Cell, ...]] = [
            (line.name, place, value)
            for line in self.lines
            for place, value in zip(line.places, line.values, strict=True)
        ]
        if not any(any(line.are_partial) for line in self.lines):
            return ("line", self.across, self.up), rows
        partial = [is_partial for line in self.lines for is_partial in line.are_partial or [False] * len(line.places)]
        seen = ["a part" if is_partial else "whole" for is_partial in partial]
        return ("line", self.across, self.up, "seen"), [(*row, told) for row, told in zip(rows, seen, strict=True)]


@dataclass(frozen=True)
class Bars:
    """Horizontal bars, one a name, each of parts that follow each other.

    Attributes:
        parts: Name of the part to its length in each bar.
        notes: Behind each bar: of how many it speaks, say.
    """

    title: str
    across: str
    names: Sequence[str]
    parts: Sequence[tuple[str, Sequence[float]]]
    notes: Sequence[str] = ()

    def numbers(self) -> Table:
        rows: list[tuple[Cell, ...]] = [
            (name, *(lengths[place] for _, lengths in self.parts), *self.notes[place : place + 1])
            for place, name in enumerate(self.names)
        ]
        return ("", *(f"{part} [{self.across}]" for part, _ in self.parts), *(("of",) if self.notes else ())), rows


@dataclass(frozen=True)
class Box:
    """Where the middle half and the middle nine tenths of some values lie: 5, 25, 50, 75 and 95 % are below."""

    name: str
    quantiles: tuple[float, ...]
    note: str


@dataclass(frozen=True)
class Boxes:
    """Distributions beside each other, and a line at zero."""

    title: str
    across: str
    boxes: Sequence[Box]

    def numbers(self) -> Table:
        rows: list[tuple[Cell, ...]] = [(box.name, *box.quantiles, box.note) for box in self.boxes]
        return (self.across, "5 %", "25 %", "median", "75 %", "95 %", "of"), rows


@dataclass(frozen=True)
class Interval:
    """A mean and how far it may be off, both ways."""

    name: str
    low: float
    mean: float
    high: float
    note: str


@dataclass(frozen=True)
class Intervals:
    """Means with their intervals, and a line at zero."""

    title: str
    across: str
    intervals: Sequence[Interval]

    def numbers(self) -> Table:
        rows: list[tuple[Cell, ...]] = [(one.name, one.low, one.mean, one.high, one.note) for one in self.intervals]
        return (self.across, "low", "mean", "high", "of"), rows


@dataclass(frozen=True)
class Cells:
    """Shares from 0 to 100 % as shades; None where nothing can be said; partial where only a part was seen."""

    title: str
    across: str
    up: str
    names: Sequence[str]
    columns: Sequence[int]
    values: Sequence[Sequence[float | None]]
    are_partial: Sequence[Sequence[bool]]

    def numbers(self) -> Table:
        rows: list[tuple[Cell, ...]] = [(name, *values) for name, values in zip(self.names, self.values, strict=True)]
        return (self.up, *(f"{self.across} {column}" for column in self.columns)), rows


Panel = Lines | Bars | Boxes | Intervals | Cells


@dataclass(frozen=True)
class Chart:
    """A whole picture.

    Attributes:
        title: What one sees.
        told: Of how many devices, from when to when, in which time, and what is left out.
    """

    title: str
    told: str
    panels: Sequence[Panel]
    is_side_by_side: bool = False
    """Panels of the same names share them, the first one to the left."""
