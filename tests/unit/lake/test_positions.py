"""Where to read on, and when not to."""

from __future__ import annotations

import pytest

from schemas.errors import PositionError
from sinks.lake.positions import Extent, Position, decide

PLACE = ("t", 0)


def test_a_topic_never_read_begins_at_its_start() -> None:
    assert decide({}, {PLACE: Extent("A", 5, 9)}) == {PLACE: Position("A", 5)}


def test_reading_goes_on_at_the_kept_position() -> None:
    assert decide({PLACE: Position("A", 7)}, {PLACE: Extent("A", 5, 9)}) == {PLACE: Position("A", 7)}


def test_a_partition_that_was_added_begins_at_zero() -> None:
    kept = {PLACE: Position("A", 7)}
    found = {PLACE: Extent("A", 0, 9), ("t", 1): Extent("A", 0, 3)}
    assert decide(kept, found)["t", 1] == Position("A", 0)


@pytest.mark.parametrize(
    ("extent", "says", "accepted_offset"),
    [
        (Extent("B", 0, 9), "deleted and created again", 0),
        (Extent("A", 8, 9), "retention deleted", 8),
        (Extent("A", 0, 6), "Kafka lost records", 6),
    ],
)
def test_a_position_that_does_not_fit_stops_until_it_is_accepted(
    extent: Extent, says: str, accepted_offset: int
) -> None:
    kept = {PLACE: Position("A", 7)}
    with pytest.raises(PositionError, match=says) as raised:
        decide(kept, {PLACE: extent})
    assert "--accept-topic t" in str(raised.value)
    assert decide(kept, {PLACE: extent}, ["t"]) == {PLACE: Position(extent.topic_id, accepted_offset)}


def test_records_of_an_added_partition_that_retention_took_stop_too() -> None:
    found = {PLACE: Extent("A", 0, 9), ("t", 1): Extent("A", 2, 3)}
    with pytest.raises(PositionError, match="retention deleted"):
        decide({PLACE: Position("A", 7)}, found)
