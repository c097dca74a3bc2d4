"""Entries of a batch put together by the row of the state that they change. Pure.

NumPy's `add.at` and its kin change rows entry by entry, many times slower than sums over sorted entries.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from streams.store import Rows

Ints = npt.NDArray[np.int64]
Number = TypeVar("Number", bound=np.number[Any])


@dataclass(frozen=True)
class Groups:
    """Which entries change which row.

    Attributes:
        rows: Each row that is changed, once, ascending.
        order: The entries, those of a row together, in order of arrival within it.
        first: Where in `order` the entries of each row begin.
    """

    rows: Rows
    order: Ints
    first: Ints

    def counts(self) -> Ints:
        """How many entries change each row."""
        return np.diff(self.first, append=len(self.order))

    def last(self) -> Ints:
        """The last entry of each row."""
        last: Ints = self.order[self.first + self.counts() - 1]
        return last

    def sums(self, values: npt.NDArray[Number]) -> npt.NDArray[Number]:
        """Sum over the entries of each row."""
        return np.add.reduceat(values[self.order], self.first) if len(self.rows) else values[:0]

    def highest(self, values: npt.NDArray[Number]) -> npt.NDArray[Number]:
        """Highest over the entries of each row."""
        return np.maximum.reduceat(values[self.order], self.first) if len(self.rows) else values[:0]

    def highest_known(self, values: npt.NDArray[Number]) -> npt.NDArray[Number]:
        """Highest over the entries of each row, leaving NaN out; NaN where all are."""
        return np.fmax.reduceat(values[self.order], self.first) if len(self.rows) else values[:0]


def grouped(rows: Rows) -> Groups:
    """Entries by the row that each changes.

    Args:
        rows: One row per entry.
    """
    order = np.argsort(rows, kind="stable")
    sorted_rows = rows[order]
    first = np.flatnonzero(np.diff(sorted_rows, prepend=-1))
    return Groups(sorted_rows[first], order, first)
