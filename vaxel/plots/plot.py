"""A plot: a question to the lake, and what its answer becomes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from schemas.errors import UsageError
from vaxel.plots.chart import Chart

if TYPE_CHECKING:
    import duckdb

Row = Sequence[Any]
Filters = Mapping[str, str | date | datetime | None]

FILTERS = ("material", "country", "since", "until", "device", "session")
"""What a plot can be narrowed down to; in SQL each is a parameter of that name, null when it was not given."""


@dataclass(frozen=True)
class Plot:
    """One of the pictures that `vaxel plot` draws.

    Attributes:
        query: DuckDB SQL over the lake's views; takes `$material` and so on, for each name in `filters`. Instants are
            cast to the columns' own type: compared with another one, no file is left out.
        prepare: Turns its rows, at least one, into what is drawn.
        chosen: SQL that takes the filters in the query's place; its only row's columns are the query's parameters.
        lacks: What the lake has none of when there is no row: "has no wash cycles".
    """

    name: str
    meaning: str
    query: str
    prepare: Callable[[list[Row]], Chart]
    lacks: str
    filters: tuple[str, ...] = ("material", "country", "since", "until")
    chosen: str = ""

    def ask(self, lake: duckdb.DuckDBPyConnection, filters: Filters) -> list[Row]:
        """The rows to draw, all of one snapshot; none when nothing fits.

        Raises:
            UsageError: a filter that this plot does not take.
            duckdb.Error: the lake does not answer.
        """
        parameters = self.parameters(filters)
        lake.execute("BEGIN")
        try:
            if self.chosen:
                found = lake.execute(self.chosen, parameters)
                names, row = [str(column[0]) for column in found.description or ()], found.fetchone()
                if row is None:
                    return []
                parameters = dict(zip(names, row, strict=True))
            return list(lake.execute(self.query, parameters).fetchall())
        finally:
            lake.execute("COMMIT")

    def parameters(self, filters: Filters) -> dict[str, Any]:
        """The parameters of the query, those that were not given null.

        Raises:
            UsageError: a filter that this plot does not take.
        """
        for name, value in filters.items():
            if value is not None and name not in self.filters:
                taken = ", ".join(f"--{known}" for known in self.filters)
                raise UsageError(f"the plot {self.name!r} does not take --{name}; it takes {taken}")
        return {name: filters.get(name) for name in self.filters}


def within(alias: str, *, country: str | None = None, instant: str = "started_at") -> str:
    """SQL for the common filters: model, country, and the half-open time from since to until (UTC).

    Args:
        alias: Of the table that has the model and the instant.
        country: Column with the country; None: what is asked knows of none, and the filter is not taken.
    """
    of_country = f"($country IS NULL OR {country} = $country) AND " if country else ""
    return (
        f"{of_country}($material IS NULL OR {alias}.material = $material) "
        f"AND ($since IS NULL OR {alias}.{instant} >= $since::TIMESTAMP) "
        f"AND ($until IS NULL OR {alias}.{instant} < $until::TIMESTAMP)"
    )


def counted(number: int, one: str, many: str = "") -> str:
    """The number and what it is of, in words.

    >>> counted(1, "device"), counted(1200, "device")
    ('1 device', '1,200 devices')
    """
    return f"{number:,} {one if number == 1 else many or one + 's'}"


PRODUCTS = {"washer": "washing machine", "shoe": "shoe"}
"""What one of a product is called."""


def told_day(day: date) -> str:
    """A day as all plots write it.

    >>> told_day(date(2026, 5, 4))
    '4 May 2026'
    """
    return f"{day.day} {day:%b %Y}"


def from_to(first: date, last: date) -> str:
    """Both days and what is between, in words.

    >>> from_to(date(2026, 5, 4), date(2026, 7, 17))
    '4 May 2026 to 17 Jul 2026'
    """
    return f"{told_day(first)} to {told_day(last)}"
