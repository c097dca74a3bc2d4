"""What numbers that jump may cost: rows and passes are counted, not seconds."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from streams.awaited import ANY_SESSION, AWAITED, Awaited
from streams.dedupe import NEVER, WINDOW
from streams.devices import DEVICE, Devices
from streams.holes import MOST_HOLES, Holes
from streams.product import WASHER
from streams.state import State
from streams.store import Rows, Store
from tests.unit.streams.building import taken_in
from tests.unit.streams.test_awaited import part, reasons

JUMP = 400


class Counting(Store):
    """A store that counts how often it is looked through, and rows are taken or given back."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.calls = 0

    def rows(self) -> Rows:
        self.calls += 1
        return super().rows()

    def take(self, count: int) -> Rows:
        self.calls += 1
        return super().take(count)

    def free(self, rows: Rows) -> None:
        self.calls += 1
        super().free(rows)


def holes_of(slot: list[int], seq: list[int], devices: int) -> Holes:
    store = Store(DEVICE)
    store.values["newest"][store.take(devices)] = NEVER
    known = Devices(store)
    own, number = np.array(slot), np.array(seq)
    nothing = np.zeros(len(own), dtype=np.int64)
    return known.holes(known.judge(own, number, nothing, nothing, np.ones(len(own), dtype=np.uint16)), own, number, own)


def test_however_often_a_device_jumps_in_a_batch_only_the_highest_numbers_are_found() -> None:
    times = 1_000
    found = holes_of([0, 1] * times, [at * JUMP for at in range(times) for _ in range(2)], 2)
    end = (times - 1) * JUMP - WINDOW + 1
    highest = [number for number in range(end - 2 * JUMP, end) if number % JUMP][-MOST_HOLES:]
    assert [found.seq[found.slot == own].tolist() for own in (0, 1)] == [highest, highest]


def test_a_late_upload_finds_its_number_though_others_are_higher_at_the_end_of_the_batch() -> None:
    lost = 2 * JUMP - 100
    uploads = [part(0), part(JUMP), part(2 * JUMP), part(lost), *[part(at * JUMP) for at in range(3, 50)], part(lost)]
    for sizes in ([], [1] * len(uploads), [3, 2]):
        state = State(WASHER)
        said = taken_in(WASHER, state, uploads, sizes)
        assert reasons(said) == ["late"], "the copy"
        assert len(state.awaited) == MOST_HOLES


@pytest.mark.parametrize("sizes", [[], [1] * 50])
def test_a_device_that_jumps_on_and_on_takes_no_more_rows_than_are_kept(sizes: list[int]) -> None:
    state = State(WASHER)
    taken_in(WASHER, state, [part(at * JUMP) for at in range(50)], sizes)
    assert len(state.awaited) == MOST_HOLES
    assert len(state.stores["awaited"].values) <= 4 * MOST_HOLES


def test_devices_with_too_many_holes_are_looked_for_all_at_once() -> None:
    devices = 50
    store = Counting(AWAITED)
    rows = store.take(devices * MOST_HOLES)
    store.values["slot"][rows] = np.repeat(np.arange(devices), MOST_HOLES)
    store.values["seq"][rows] = np.tile(np.arange(MOST_HOLES), devices)
    store.values["label_ms"][rows] = ANY_SESSION
    awaited = Awaited(store)
    store.calls = 0
    every = np.arange(devices)
    awaited.add_holes(Holes(every, np.full(devices, MOST_HOLES), np.zeros(devices, dtype=np.int64)))
    awaited.forget_lowest(every)
    assert store.calls <= 3
    assert len(awaited) == devices * MOST_HOLES
    assert sorted(set(store.values["seq"][store.rows()].tolist())) == list(range(1, MOST_HOLES + 1))
    assert not any(awaited.take(own, 0) for own in range(devices))


def test_of_devices_that_hold_no_more_than_they_may_nothing_is_looked_for() -> None:
    store = Counting(AWAITED)
    awaited = Awaited(store)
    awaited.add_holes(Holes(np.arange(9), np.arange(9), np.zeros(9, dtype=np.int64)))
    store.calls = 0
    awaited.forget_lowest(np.arange(9))
    assert store.calls == 0
