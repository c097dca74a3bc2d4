"""Two sinks where one is meant: one stops, and nothing is stored twice."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import replace

import duckdb
import pytest
from confluent_kafka import TopicPartition
from confluent_kafka.admin import AdminClient

from schemas.errors import OutsideError
from sinks.lake import positions
from sinks.lake.connection import open_writer
from sinks.lake.doubt import Way
from sinks.lake.positions import Extent, Place
from sinks.lake.sink import Settings
from sinks.lake.store import store
from sinks.lake.topics import Topics
from tests.integration.lake.conftest import ROWS_IN_A_FRAME, Lake, wait_for
from tests.integration.lake.test_faults import COUNTS, exactly, running

pytestmark = [pytest.mark.kafka, pytest.mark.postgres]

FRAMES = 20
LONGEST_MEETING_FRAMES = 300


def test_of_two_sinks_on_one_partition_one_stops_and_nothing_is_stored_twice(lake: Lake) -> None:
    lake.sink(0)
    produced = 0
    with running(lake) as first, running(lake) as second:
        # They meet once both read, however long each takes to get there.
        while not (first or second):
            assert produced < LONGEST_MEETING_FRAMES
            lake.produce(range(produced, produced + 1))
            produced += 1
            time.sleep(0.1)
        wait_for(lambda: lake.lag() == 0)
    (error,) = first + second
    assert "Another sink owns topic" in str(error)
    assert lake.ask(COUNTS) == exactly(produced * ROWS_IN_A_FRAME)


@contextmanager
def meanwhile(monkeypatch: pytest.MonkeyPatch, lake: Lake, frames: int) -> Iterator[None]:
    """Another sink stores this many frames while the first one that opens asks Kafka what its topics hold."""
    asks, others = Topics.extents, [frames]

    def answer(topics: Topics, names: Collection[str]) -> dict[Place, Extent]:
        found = asks(topics, names)
        if others:
            with open_writer(lake.catalog, lake.files) as other:
                starts = positions.read(other, [lake.topic()])
                store(other, {}, starts, {(lake.topic(), 0): starts[lake.topic(), 0].next_offset + others.pop()}, Way())
        return found

    with monkeypatch.context() as patched:
        patched.setattr(Topics, "extents", answer)
        yield


def test_a_sink_that_starts_does_not_set_back_what_another_has_moved_meanwhile(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake.sink(0)
    lake.produce(range(5))
    with meanwhile(monkeypatch, lake, 3), pytest.raises(OutsideError, match=r"Another sink owns topic .* from 0 to 3"):
        lake.sink(1)
    assert lake.sink(1) == 2 * ROWS_IN_A_FRAME
    assert lake.ask(COUNTS) == [
        (2 * ROWS_IN_A_FRAME, 2 * ROWS_IN_A_FRAME, 3 * ROWS_IN_A_FRAME, 5 * ROWS_IN_A_FRAME - 1)
    ]


def test_what_a_sink_stores_while_the_lag_is_asked_for_lies_not_beyond_what_kafka_holds(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake.sink(0)
    asks, frames = Topics.extents, [range(5)]

    def answer(topics: Topics, names: Collection[str]) -> dict[Place, Extent]:
        found = asks(topics, names)
        if frames:
            lake.produce(frames.pop())
            lake.sink(5 * ROWS_IN_A_FRAME)
        return found

    monkeypatch.setattr(Topics, "extents", answer)
    assert lake.lag() == 0


def test_a_loss_is_not_accepted_over_the_work_of_another_sink(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    lake.produce(range(5))
    lake.sink(0)
    admin = AdminClient({"bootstrap.servers": lake.kafka})
    for future in admin.delete_records([TopicPartition(lake.topic(), 0, 5)]).values():
        future.result(10)
    with open_writer(lake.catalog, lake.files) as writer:
        kept = positions.read(writer, [lake.topic()])
        positions.replace(writer, kept, {(lake.topic(), 0): replace(kept[lake.topic(), 0], next_offset=0)}, Way())
    with meanwhile(monkeypatch, lake, 2), pytest.raises(OutsideError, match="Another sink is at work"):
        lake.sink(0, accepted_topics=[lake.topic()])


def test_a_second_writer_of_a_span_is_refused_whether_before_or_at_the_commit(lake: Lake) -> None:
    lake.sink(0)
    place = (lake.topic(), 0)
    with open_writer(lake.catalog, lake.files) as first, open_writer(lake.catalog, lake.files) as second:
        starts = positions.read(first, [lake.topic()])
        second.execute("BEGIN")
        assert positions.move(second, starts, {place: 3}) == 1
        store(first, {}, starts, {place: 5}, Way())
        with pytest.raises(duckdb.TransactionException, match="conflict"):
            second.execute("COMMIT")
        with pytest.raises(OutsideError, match=f"Another sink owns topic '{lake.topic()}' partition 0.* from 0 to 5"):
            store(second, {}, starts, {place: 3}, Way())


def test_sinks_of_different_topics_get_past_each_other(lake: Lake) -> None:
    lake.sink(0)
    lake.produce(range(FRAMES))
    split = [entry.table.name == "readings_washer" for entry in lake.inputs]
    ours = tuple(entry for entry, is_ours in zip(lake.inputs, split, strict=True) if is_ours)
    others = tuple(entry for entry, is_ours in zip(lake.inputs, split, strict=True) if not is_ours)
    quick = Settings(max_age_s=0.0)
    with running(replace(lake, inputs=ours), settings=quick) as first:
        with running(replace(lake, inputs=others), settings=quick) as second:
            wait_for(lambda: lake.lag() == 0)
        assert not second
    assert not first
    assert lake.ask(COUNTS) == exactly(FRAMES * ROWS_IN_A_FRAME)
