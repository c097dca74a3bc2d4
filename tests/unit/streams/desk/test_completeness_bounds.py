"""What completeness says of counters and numbers at the ends of what contracts allow, and what that may cost."""

from __future__ import annotations

from random import Random
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.desk import Command
from streams.desk.completeness_asks import MOST_COMMANDS
from streams.desk.completeness_span_store import Spans
from streams.desk.completeness_spans import SPAN, runs
from streams.store import Rows, Store
from tests.unit.examples import examples
from tests.unit.streams.desk.counting import FIRST_MS, LATER_MS, Books, Told, a_life, receipts

TOP_WH = (2**53 - 1) / 1000


@pytest.mark.parametrize("jump", [10**6, 1_800_000_000, 2_000_000_000, 2**52])
def test_however_many_numbers_are_missing_they_are_a_gap(jump: int) -> None:
    books = Books()
    books.take([Told("w-1", 0, FIRST_MS, 1000.0, 0.0), Told("w-1", jump, FIRST_MS + 60_000, 1500.0, 100.0)])
    (fact,) = books.told()
    assert (fact.verdict, fact.missing_uploads, fact.missing) == ("gap", jump - 1, 400.0)


@pytest.mark.parametrize("boards", [2, 3, 5])
@pytest.mark.parametrize("now_ms", [LATER_MS, LATER_MS + 60 * 86_400_000])
def test_the_sum_of_boards_that_counted_as_far_as_they_can_is_never_below_one_of_them(boards: int, now_ms: int) -> None:
    books = Books()
    for board in range(boards):
        seq = 2 * board
        books.take([Told("w-1", seq + at, FIRST_MS + seq + at, at * TOP_WH, 0.0, board_no=board) for at in (0, 1)])
        fact = books.told(now_ms)[-1]
        assert fact.counted >= TOP_WH
        assert fact.verdict == "unexplained"


def test_only_so_many_commands_are_told_at_once_and_the_rest_next_time() -> None:
    holes = 2 * MOST_COMMANDS + 7
    books = Books()
    books.take([Told(f"w-{device}", seq, FIRST_MS, 1.0, 0.0) for device in range(holes) for seq in (0, 2)])
    said: list[list[Command]] = []
    while not said or said[-1]:
        said.append(books.book.commands(FIRST_MS + 10**7, books.names.__getitem__))
    assert [len(some) for some in said] == [MOST_COMMANDS, MOST_COMMANDS, 7, 0]
    assert len({command.command_id for some in said for command in some}) == holes


class Counting(Store):
    """A store that counts how often rows are taken."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.takes = 0

    def take(self, count: int) -> Rows:
        self.takes += 1
        return super().take(count)


def test_spans_of_a_device_that_come_behind_what_is_there_are_taken_in_at_once() -> None:
    store = Counting(SPAN)
    spans = Spans(store)
    for first in (0, 1_001):
        told = [Told("w-1", first + 2 * seq, FIRST_MS, 1.0 + seq, 1.0) for seq in range(500)]
        opened = spans.add(runs(np.zeros(len(told), dtype=np.int64), receipts(told)))
        assert len(opened) == (500 if first else 499)
    assert len(store) == 1_000
    assert store.takes <= 4


@given(seed=st.integers(0, 2**32))
@examples(8)
def test_spans_that_come_at_once_are_those_that_come_one_by_one(seed: int) -> None:
    rng = Random(seed)
    lives = [one for name in ("w-1", "s-2") for one in rng.sample(a_life(rng, name), 25)]
    split = rng.randrange(len(lives))
    arriving = rng.sample(lives, len(lives))
    at_once, one_by_one = Books(), Books()
    for device in ("w-1", "s-2"):
        assert at_once.slot(device) == one_by_one.slot(device)
    at_once.take(arriving[:split])
    at_once.take(arriving[split:])
    for one in arriving:
        one_by_one.take([one])
    assert at_once.told() == one_by_one.told()
