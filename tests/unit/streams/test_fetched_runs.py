"""What the consumer thread makes of what was fetched: runs that follow each other, and nothing it was not sent for."""

from __future__ import annotations

import asyncio
from collections import Counter
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka import ConsumerRecord
from aiokafka.errors import UnsupportedVersionError
from faust.types import TP

from streams import transport
from streams.consumer_thread import RECORD_BYTES, ConsumerThread

ONE, OTHER = TP("t", 0), TP("t", 1)


class Assignment:
    """Where each partition stands, as aiokafka says."""

    def __init__(self, **positions: int) -> None:
        self._positions = positions

    def state_value(self, tp: TP) -> SimpleNamespace:
        return SimpleNamespace(position=self._positions["one" if tp == ONE else "other"])


def a_thread(sought: dict[TP, int], assignment: Assignment | None) -> Any:
    thread: Any = ConsumerThread.__new__(ConsumerThread)
    thread._next, thread._seeks = dict(sought), Counter(sought.keys())
    thread._sought_in = dict.fromkeys(sought, assignment)
    return thread


def records(count: int, value: bytes | None = b"12345", key: bytes | None = b"w-1") -> list[ConsumerRecord]:
    return [ConsumerRecord("t", 0, n, 0, 1, key, value, None, 0, 0, ()) for n in range(count)]


def test_a_run_covers_the_offsets_from_the_one_before_it_to_where_the_partition_stands() -> None:
    now = Assignment(one=7, other=5)
    thread = a_thread({ONE: 3, OTHER: 5}, now)
    runs = thread._runs({ONE, OTHER}, {ONE: records(2)}, now)
    assert [(run.start, run.end, len(run.records)) for run in runs.values()] == [(3, 7, 2)]
    assert thread._runs({ONE, OTHER}, {}, now) == {}, "nothing has moved since"


def test_markers_and_aborted_records_alone_are_a_run_without_records() -> None:
    """Else the position would stay before them, and a partition that ends so would seem to stand still for ever."""
    now = Assignment(one=9)
    (run,) = a_thread({ONE: 3}, now)._runs({ONE}, {}, now).values()
    assert (run.start, run.end, list(run.records), run.size_bytes) == (3, 9, [], 0)


def test_what_was_fetched_before_the_seek_of_a_new_assignment_is_left() -> None:
    """aiokafka begins at the group's offset, so the run would say that it follows what it does not follow."""
    before, now = Assignment(one=7), Assignment(one=7)
    assert a_thread({ONE: 3}, before)._runs({ONE}, {ONE: records(2)}, now) == {}
    assert a_thread({}, None)._runs({ONE}, {ONE: records(2)}, None) == {}


def test_records_without_bytes_weigh_something_too() -> None:
    now = Assignment(one=9)
    (run,) = a_thread({ONE: 3}, now)._runs({ONE}, {ONE: [*records(2), *records(3, None, None)]}, now).values()
    assert run.size_bytes == 5 * RECORD_BYTES + 2 * (5 + 3)


def test_an_error_of_the_fetcher_ends_the_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    ended: list[str] = []
    monkeypatch.setattr(transport, "die", lambda what, because: ended.append(f"{what}: {because!r}"))
    fetcher = transport.Fetcher.__new__(transport.Fetcher)
    asyncio.run(fetcher.crash(UnsupportedVersionError()))
    assert len(ended) == 1
