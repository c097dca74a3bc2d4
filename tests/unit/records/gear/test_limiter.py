"""The rate of rows: in no second more than the record system bears, however the calls fall."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sinks.records.gear.limiter import allowance, wait_s
from tests.unit.records.gear.sales import NOON


def ms(number: float) -> datetime:
    return NOON + timedelta(milliseconds=number)


def test_all_rows_of_a_second_may_go_at_once() -> None:
    assert allowance(10, [], NOON) == 10
    assert wait_s(10, [], NOON) == 0


#    0 ms: 6 rows   400 ms: 4 rows   1000 ms: 6 free   1400 ms: 10 free
@pytest.mark.parametrize(
    ("now_ms", "allowed", "wait"),
    [(0, 4, 0), (399, 4, 0), (400, 0, 0.6), (999, 0, 0.001), (1000, 6, 0), (1399, 6, 0), (1400, 10, 0), (9000, 10, 0)],
)
def test_rows_leave_the_second_one_second_after_they_were_sent(now_ms: int, allowed: int, wait: float) -> None:
    sent = [(at, rows) for at, rows in [(ms(400), 4), (ms(0), 6)] if at <= ms(now_ms)]
    assert allowance(10, sent, ms(now_ms)) == allowed
    assert wait_s(10, sent, ms(now_ms)) == pytest.approx(wait)


def test_more_rows_are_waited_for_until_as_many_are_free_and_never_for_more_than_the_rate() -> None:
    sent = [(ms(0), 6), (ms(400), 4)]
    assert [wait_s(10, sent, ms(500), rows) for rows in (1, 6, 7, 10, 99)] == pytest.approx([0.5, 0.5, 0.9, 0.9, 0.9])


def test_what_a_clock_ahead_of_ours_says_counts() -> None:
    assert allowance(10, [(ms(300), 10)], NOON) == 0
    assert wait_s(10, [(ms(300), 10)], NOON) == pytest.approx(1.3)


def test_a_burst_beyond_the_rate_leaves_nothing_rather_than_less() -> None:
    assert allowance(10, [(ms(0), 25)], ms(1)) == 0
    assert wait_s(10, [(ms(0), 25)], ms(1)) == pytest.approx(0.999)


@given(
    st.integers(1, 20),
    st.lists(st.tuples(st.integers(0, 700), st.integers(1, 30), st.booleans()), max_size=60),
)
def test_no_second_ever_sees_more_rows_than_the_rate(rate: int, calls: list[tuple[int, int, bool]]) -> None:
    """Calls come in any rhythm, ask for any number, and wait or not."""
    now, sent = NOON, list[tuple[datetime, int]]()
    for pause_ms, wanted, is_patient in calls:
        now += timedelta(milliseconds=pause_ms)
        if is_patient:
            now += timedelta(seconds=wait_s(rate, sent, now, wanted))
            assert allowance(rate, sent, now) >= min(wanted, rate)
        rows = min(wanted, allowance(rate, sent, now))
        if rows:
            sent.append((now, rows))
    # The fullest second [t, t + 1 s) begins with something that was sent.
    for begin, _ in sent:
        assert sum(rows for at, rows in sent if begin <= at < begin + timedelta(seconds=1)) <= rate


@given(st.integers(1, 20), st.lists(st.tuples(st.integers(0, 999), st.integers(1, 9)), max_size=9), st.integers(1, 25))
def test_the_wait_is_the_shortest_that_suffices(rate: int, sent_ms: list[tuple[int, int]], wanted: int) -> None:
    sent = [(ms(at), rows) for at, rows in sent_ms]
    wait = timedelta(seconds=wait_s(rate, sent, ms(999), wanted))
    enough = min(wanted, rate)
    assert allowance(rate, sent, ms(999) + wait) >= enough
    if wait:
        assert allowance(rate, sent, ms(999) + wait - timedelta(microseconds=1)) < enough
