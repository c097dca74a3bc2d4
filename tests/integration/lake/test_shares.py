"""Several sinks, each with its share of the partitions."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from threading import Event, Thread
from time import sleep

import pytest
from confluent_kafka import TopicPartition
from confluent_kafka.admin import AdminClient

from schemas.errors import OutsideError
from schemas.lake import INPUTS
from sinks.lake.shares import Share
from sinks.lake.sink import Settings
from sinks.lake.turns import Turns
from tests.integration.lake.conftest import ROWS_IN_A_FRAME, FreshDatabase, FreshTopics, Lake, wait_for

pytestmark = [pytest.mark.kafka, pytest.mark.postgres]

COUNTS = "SELECT count(*), count(DISTINCT seq), min(seq), max(seq) FROM readings_washer"
SINKS = 3
FRAMES = 60
LONGEST_MEETING_FRAMES = 300


def exactly(rows: int) -> list[tuple[int, int, int, int]]:
    return [(rows, rows, 0, rows - 1)]


@pytest.fixture
def wide_lake(kafka_bootstrap: str, fresh_topics: FreshTopics, fresh_database: FreshDatabase, tmp_path: Path) -> Lake:
    """Topics with a partition for each sink."""
    names = fresh_topics([entry.topic for entry in INPUTS], partitions=SINKS)
    inputs = tuple(replace(entry, topic=name) for entry, name in zip(INPUTS, names, strict=True))
    return Lake(kafka_bootstrap, fresh_database(), str(tmp_path / "lake"), inputs)


def test_three_sinks_that_store_all_the_time_all_get_on_and_every_row_is_stored_once(wide_lake: Lake) -> None:
    wide_lake.sink(0)
    for frame in range(FRAMES):
        wide_lake.produce(range(frame, frame + 1), partition=frame % SINKS)
    often = {"max_rows": 1, "max_age_s": 0.0}
    sinks = [wide_lake.start_with({**often, "share": f"{number}/{SINKS}"}) for number in range(1, SINKS + 1)]
    try:
        wait_for(lambda: any(sink.poll() is not None for sink in sinks) or wide_lake.lag() == 0, within_s=180)
        assert [sink.poll() for sink in sinks] == [None] * SINKS
    finally:
        for sink in sinks:
            sink.terminate()
    assert [sink.wait(60) for sink in sinks] == [0] * SINKS
    assert wide_lake.ask(COUNTS) == exactly(FRAMES * ROWS_IN_A_FRAME)
    transactions = f"SELECT sum(next_offset) FROM sink_position WHERE topic = '{wide_lake.topic()}'"
    assert wide_lake.ask(transactions) == [(FRAMES,)]


def test_of_sinks_whose_shares_overlap_one_stops_and_nothing_is_stored_twice(lake: Lake) -> None:
    lake.sink(0)
    stop, errors, produced = Event(), list[str](), 0

    def work(share: Share) -> None:
        try:
            lake.sink(10**9, stop=stop, settings=Settings(share, max_age_s=0.0))
        except OutsideError as error:
            errors.append(str(error))

    sinks = [Thread(target=work, args=(share,)) for share in (Share(1, 1), Share(2, 2))]
    for sink in sinks:
        sink.start()
    try:
        while not errors:
            assert produced < LONGEST_MEETING_FRAMES
            lake.produce(range(produced, produced + 1), partition=1)
            produced += 1
            sleep(0.1)
        wait_for(lambda: lake.lag() == 0)  # the other one, whose partition it is too, goes on
    finally:
        stop.set()
        for sink in sinks:
            sink.join(60)
    (error,) = errors
    assert f"Another sink owns topic {lake.topic()!r} partition 1" in error
    assert lake.ask(COUNTS) == exactly(produced * ROWS_IN_A_FRAME)


def test_a_share_reads_its_partitions_only_and_the_others_wait_for_their_owner(lake: Lake) -> None:
    admin = AdminClient({"bootstrap.servers": lake.kafka})
    lake.produce(range(100, 102), partition=1)
    for future in admin.delete_records([TopicPartition(lake.topic(), 1, 2)]).values():
        future.result(10)  # retention took these before there was a lake
    lake.produce(range(2))
    lake.produce(range(2, 4), partition=1)
    assert lake.sink(1, settings=Settings(Share(1, 2), max_age_s=0.2)) == 2 * ROWS_IN_A_FRAME
    assert lake.ask(COUNTS) == exactly(2 * ROWS_IN_A_FRAME)
    assert lake.sink(1, settings=Settings(Share(2, 2), max_age_s=0.2)) == 2 * ROWS_IN_A_FRAME
    assert lake.ask(COUNTS) == exactly(4 * ROWS_IN_A_FRAME)
    assert lake.lag() == 0


def test_a_share_without_partitions_says_so_and_waits(lake: Lake) -> None:
    told, stop = list[str](), Event()

    def tell(line: str) -> None:
        told.append(line)
        stop.set()

    lake.sink(1, stop=stop, settings=Settings(Share(3, 3)), tell=tell)
    assert told == ["No topic has a partition in share 3/3: waiting for one."]


def test_a_sink_waits_for_its_turn_but_not_for_one_that_never_ends(lake: Lake) -> None:
    frozen, other = Turns(lake.catalog), Turns(lake.catalog, wait_s=0.2)
    with frozen.mine() as first, other.mine() as second:
        assert (first, second) == (True, False)
    with other.mine() as third:
        assert third
    began = Event()

    def wait_and_see() -> None:
        with frozen.mine() as has_lock:
            assert has_lock
            began.set()

    with other.mine():
        waiting = Thread(target=wait_and_see)
        waiting.start()
        assert not began.wait(0.5)
    waiting.join(30)
    assert began.is_set()
    for turns in (frozen, other):
        turns.close()
