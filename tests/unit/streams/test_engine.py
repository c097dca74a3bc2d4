"""How much an engine lets wait in memory: bytes, shared by its partitions."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from aiokafka import ConsumerRecord
from faust.types import TP

from streams.batch import Place
from streams.checkpoint import Run
from streams.engine import Engine
from streams.product import WASHER
from streams.settings import EngineSettings

ONE, OTHER = TP("t", 0), TP("t", 1)


def a_run(tp: TP, size_bytes: int) -> Run:
    return Run(Place(tp.topic, tp.partition), [], 0, 1, 0, size_bytes)


def an_engine() -> Engine:
    return Engine(EngineSettings("127.0.0.1:1", buffer_bytes=100), [replace(WASHER, telemetry="t")])


def test_a_partition_has_room_until_its_share_of_the_buffer_waits() -> None:
    engine, runs = an_engine(), [a_run(ONE, 60), a_run(ONE, 60)]
    assert engine.with_room({ONE})
    engine.hold(runs[0])
    assert engine.with_room({ONE})
    engine.hold(runs[1])
    assert not engine.with_room({ONE})
    assert engine.with_room({OTHER}), "another partition is not held back"
    assert engine.held_bytes() == 120


def test_one_run_at_least_may_wait_however_large() -> None:
    engine, run = an_engine(), a_run(ONE, 1_000)
    assert engine.with_room({ONE})
    engine.hold(run)
    assert not engine.with_room({ONE})


def test_small_uploads_wait_in_kafka_until_they_make_a_large_run() -> None:
    engine, runs = an_engine(), [a_run(ONE, 1), a_run(ONE, 1)]
    for run in runs:
        assert engine.with_room({ONE})
        engine.hold(run)
    assert not engine.with_room({ONE})


def test_the_oldest_upload_in_memory_is_known() -> None:
    engine = an_engine()
    records = [ConsumerRecord("t", 0, n, 1_000 - n, 1, None, b"", None, 0, 0, ()) for n in range(3)]
    runs = [Run(Place("t", 0), records[start:], start, 3) for start in (1, 2)] + [a_run(OTHER, 0)]
    for run in runs:
        engine.hold(run)
    assert engine.oldest_held_ms() == {Place("t", 0): 998}


def test_a_partition_that_is_somebody_else_s_again_is_not_taken_over() -> None:
    """Taking it over would fence its rightful owner."""
    engine = an_engine()
    asyncio.run(engine.take_over(ONE, lambda: False))
    assert engine.owned() == set()
    assert not engine.watch.taking_over_since_s


def test_a_run_that_was_lost_on_the_way_holds_nothing_back() -> None:
    engine = an_engine()
    engine.hold(a_run(ONE, 1_000))
    assert engine.with_room({ONE})
    assert engine.held_bytes() == 0
