"""What Kafka can give back, decided from positions and extents."""

from __future__ import annotations

import pytest

from schemas.errors import DecisionError
from sinks.lake.positions import Extent, Position
from sinks.lake.spans import BEGINNING, Moment, is_held, oldest_since, spans, starts, youngest_before

A, B = ("t", 0), ("t", 1)


def at(snapshot: int, *offsets: int, topic_id: str = "id") -> Moment:
    return Moment(snapshot, {("t", index): Position(topic_id, offset) for index, offset in enumerate(offsets)})


def kafka(*ends: tuple[int, int], topic_id: str = "id") -> dict[tuple[str, int], Extent]:
    return {("t", index): Extent(topic_id, start, end) for index, (start, end) in enumerate(ends)}


def test_the_span_of_each_partition_lies_between_two_positions_and_empty_ones_are_left_out() -> None:
    until = at(9, 40, 7).positions
    assert spans(at(3, 10, 7), until, kafka((0, 50), (5, 8))) == {A: (10, 40)}


def test_a_partition_that_was_added_later_is_read_from_0() -> None:
    assert starts(at(3, 10), kafka((0, 50), (0, 8))) == {A: 10, B: 0}


def test_from_before_everything_is_read_what_kafka_begins_with() -> None:
    assert starts(BEGINNING, kafka((4, 50))) == {A: 4}
    assert starts(at(3), kafka((4, 50))) == {A: 4}


def test_what_kafka_no_longer_holds_is_named() -> None:
    with pytest.raises(
        DecisionError, match="'t' partition 0 begins at offset 11 in Kafka; all since snapshot 3 needs 10"
    ):
        starts(at(3, 10), kafka((11, 50)))
    with pytest.raises(DecisionError, match="partition 1 begins at offset 1"):
        starts(at(3, 10), kafka((0, 50), (1, 8)))


def test_a_topic_that_was_created_again_gives_nothing_back() -> None:
    with pytest.raises(DecisionError, match=r"created again since snapshot 3 \(id new, then id\)"):
        starts(at(3, 10), kafka((0, 50), topic_id="new"))


def test_a_kafka_that_ends_before_the_lake_is_not_the_one_it_was() -> None:
    with pytest.raises(DecisionError, match="ends at offset 20 in Kafka, the lake has read up to 40"):
        spans(at(3, 10), at(9, 40).positions, kafka((0, 20)))


def test_only_moments_since_which_kafka_holds_all_will_do() -> None:
    moments = [at(1, 2), at(5, 10), at(7, 30)]
    assert [is_held(moment, kafka((10, 50))) for moment in moments] == [False, True, True]


def test_neighbours_of_a_snapshot_are_kept_ones() -> None:
    assert (youngest_before([], 4), oldest_since([], 4)) == (None, None)
    assert (youngest_before([2, 4], 4), oldest_since([2, 4], 4)) == (2, 4)
