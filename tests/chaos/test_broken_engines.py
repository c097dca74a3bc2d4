"""The check of the crash loop finds an engine that is broken, and nothing wrong with ours in the same scenario."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from pathlib import Path
from random import Random

import pytest

from tests.chaos import broken_worker
from tests.chaos.account import assert_accounted_for
from tests.chaos.drill import Drill
from tests.integration.streams.conftest import Stream, a_stream
from tests.unit.streams.arrivals import arriving, some_uploads

NEVER_S = 3_600.0

Finding = AbstractContextManager[object]
NOTHING: Finding = nullcontext()


def found(message: str) -> Finding:
    return pytest.raises(AssertionError, match=message)


@pytest.fixture
def drill(kafka_bootstrap: str, tmp_path: Path) -> Iterator[Drill]:
    stream = a_stream(kafka_bootstrap, 1)
    yield Drill(stream, Random(1), tmp_path)
    stream.end()


def use(drill: Drill, engine: str) -> None:
    drill.stream.program = (broken_worker.__file__, engine)


def produce(stream: Stream) -> None:
    rng = Random(1)
    stream.produce(arriving(rng, some_uploads(rng, "cycle", devices=6, sessions=6), reach=8))


@pytest.mark.parametrize(
    ("engine", "point", "finding"),
    [
        ("nothing", "streams.before-commit", NOTHING),
        (
            "position first",
            broken_worker.BETWEEN,
            found(r"accounted for once: [1-9]\d* are missing .* 0 are there twice"),
        ),
    ],
)
def test_a_position_committed_before_its_outputs_is_found(
    drill: Drill, engine: str, point: str, finding: Finding
) -> None:
    use(drill, engine)
    produce(drill.stream)
    drill.start(0, point)
    drill.settle()
    assert drill.done[point] == 1
    with finding:
        assert_accounted_for(drill.stream)


def test_dedup_that_is_off_is_found(drill: Drill) -> None:
    use(drill, "no dedup")
    produce(drill.stream)
    drill.start(0)
    drill.settle()
    with found("receipts of partition 0"):
        assert_accounted_for(drill.stream)


@pytest.mark.parametrize(
    ("engine", "finding"),
    [("nothing", NOTHING), ("no fencing", found(r"accounted for once: 0 are missing .* [1-9]\d* are there twice"))],
)
def test_a_zombie_that_is_not_fenced_is_found(drill: Drill, engine: str, finding: Finding) -> None:
    use(drill, engine)
    drill.settings = {"checkpoint_s": NEVER_S}
    drill.start(0)
    drill.until(lambda: drill.partitions() == {0: {0}}, "the first worker has the partition")
    drill.settings = {}
    drill.start(1)
    drill.until(lambda: drill.partitions() == {0: {0}, 1: set()}, "the second worker has none")
    produce(drill.stream)
    taken_in = partial(drill.stream.receipts, "read_uncommitted")
    drill.until(lambda: len(taken_in()) == len(drill.stream.sent), "all is taken in, nothing committed")
    drill.freeze(0)
    drill.thaw(0)
    drill.settle()
    with finding:
        assert_accounted_for(drill.stream)
