"""How much an engine lets wait in memory: bytes, shared by its partitions."""

from __future__ import annotations

from faust.types import TP

from streams.batch import Place
from streams.checkpoint import Run
from streams.engine import Engine
from streams.settings import EngineSettings

ONE, OTHER = TP("t", 0), TP("t", 1)


def a_run(tp: TP, value_bytes: int) -> Run:
    return Run(Place(tp.topic, tp.partition), [], 0, 1, 0, value_bytes)


def an_engine() -> Engine:
    return Engine(EngineSettings("127.0.0.1:1", buffer_bytes=100))


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


def test_a_run_that_was_lost_on_the_way_holds_nothing_back() -> None:
    engine = an_engine()
    engine.hold(a_run(ONE, 1_000))
    assert engine.with_room({ONE})
    assert engine.held_bytes() == 0
