"""Every partition belongs to exactly one share."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.errors import UsageError
from sinks.lake.positions import Extent, Position, decide
from sinks.lake.shares import WHOLE, Share, own, share_of, to_decide


@given(st.integers(1, 50), st.integers(0, 1_000))
def test_a_partition_has_one_owner(count: int, partition: int) -> None:
    assert sum(Share(number, count).owns(partition) for number in range(1, count + 1)) == 1


def test_the_first_of_three_shares_owns_every_third_partition_from_0_on() -> None:
    assert [partition for partition in range(8) if share_of("1/3").owns(partition)] == [0, 3, 6]
    assert [partition for partition in range(8) if share_of("3/3").owns(partition)] == [2, 5]
    assert all(share_of("1/1").owns(partition) for partition in range(8))
    assert str(share_of("2/3")) == "2/3"


@pytest.mark.parametrize("text", ["", "1", "0/2", "3/2", "1/0", "-1/2", "1/2/3", " 1/2", "1/02", "a/b"])
def test_what_is_no_share_is_refused_with_examples(text: str) -> None:
    with pytest.raises(UsageError, match="such as 1/3, 2/3 or 3/3"):
        share_of(text)


def test_the_first_sink_of_a_topic_decides_all_its_positions_and_moves_its_own() -> None:
    found = {("t", 0): Extent("A", 5, 9), ("t", 1): Extent("A", 6, 9)}
    decided = decide({}, to_decide(Share(1, 2), {}, found))
    assert decided == {("t", 0): Position("A", 5), ("t", 1): Position("A", 6)}
    assert own(Share(1, 2), decided) == {("t", 0): Position("A", 5)}
    # So the other one, that starts later, does not take its partition for one added to a topic read from 0 on.
    assert decide(decided, to_decide(Share(2, 2), decided, found))["t", 1] == Position("A", 6)


def test_a_partition_that_no_longer_fits_stops_its_owner_only() -> None:
    kept = {("t", 0): Position("A", 7), ("t", 1): Position("A", 1)}
    found = {("t", 0): Extent("A", 5, 9), ("t", 1): Extent("A", 6, 9)}
    assert to_decide(Share(1, 2), kept, found) == {("t", 0): Extent("A", 5, 9)}
    assert to_decide(WHOLE, kept, found) == found
