"""Grouped sums and maxima are what entry by entry gives."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from streams.groups import grouped

ENTRIES = st.lists(st.tuples(st.integers(0, 5), st.integers(-100, 100)), max_size=40)


@given(ENTRIES)
def test_groups_give_what_entry_by_entry_gives(entries: list[tuple[int, int]]) -> None:
    rows = np.array([row for row, _ in entries], dtype=np.int64)
    values = np.array([value for _, value in entries], dtype=np.int64)
    groups = grouped(rows)
    by_row = {row: [value for other, value in entries if other == row] for row in sorted(set(rows.tolist()))}
    assert groups.rows.tolist() == list(by_row)
    assert groups.counts().tolist() == [len(own) for own in by_row.values()]
    assert groups.sums(values).tolist() == [sum(own) for own in by_row.values()]
    assert groups.highest(values).tolist() == [max(own) for own in by_row.values()]
    assert values[groups.last()].tolist() == [own[-1] for own in by_row.values()]


def test_highest_known_leaves_nan_out() -> None:
    highest = grouped(np.array([1, 2, 1])).highest_known(np.array([np.nan, np.nan, 3.0]))
    assert highest[0] == 3.0
    assert np.isnan(highest[1])
