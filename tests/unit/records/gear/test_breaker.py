"""The breaker: a record system that fails is asked ever less often, and one call finds out whether it is back."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sinks.records.gear.breaker import Breaker, called, failed, may_call, succeeded
from tests.unit.records.gear.sales import ERP, NOON

# Waits of 1, 2, 4, 8 s and so on up to 10 s; after 5 failures a rest of 60 s.
ERP_10S = ERP.model_copy(update={"retry_first_s": 1, "retry_most_s": 10, "breaker_failures": 5, "breaker_rest_s": 60})
LONG = ERP_10S.model_copy(update={"breaker_failures": 10_000})


def s(number: float) -> timedelta:
    return timedelta(seconds=number)


def broken(times: int, jitter: float = 1) -> Breaker:
    breaker = Breaker()
    for _ in range(times):
        breaker = failed(ERP_10S, breaker, NOON, jitter)
    return breaker


def test_a_system_that_never_failed_may_be_called() -> None:
    assert may_call(Breaker(), NOON)
    assert called(ERP_10S, Breaker(), NOON) == Breaker()


@pytest.mark.parametrize(("failures", "wait"), [(1, 1), (2, 2), (3, 4), (4, 8)])
def test_each_failure_in_a_row_doubles_the_wait(failures: int, wait: float) -> None:
    breaker = broken(failures)
    assert (breaker.state, breaker.failures, breaker.retry_at) == ("closed", failures, NOON + s(wait))
    assert not may_call(breaker, NOON + s(wait) - s(0.001))
    assert may_call(breaker, NOON + s(wait))


@pytest.mark.parametrize(("jitter", "wait"), [(0, 4), (0.5, 6), (1, 8)])
def test_a_wait_is_between_half_and_all_of_what_the_failures_ask_for(jitter: float, wait: float) -> None:
    assert broken(4, jitter).retry_at == NOON + s(wait)


def test_after_so_many_failures_in_a_row_it_is_left_alone_for_a_rest() -> None:
    breaker = broken(5)
    assert (breaker.state, breaker.retry_at) == ("open", NOON + s(60))
    assert not may_call(breaker, NOON + s(59))


def test_after_the_rest_one_call_may_pass_and_no_other_beside_it() -> None:
    breaker, later = broken(5), NOON + s(60)
    assert may_call(breaker, later)
    probing = called(ERP_10S, breaker, later)
    assert probing.state == "half_open"
    assert not may_call(probing, later + s(59))
    assert may_call(probing, later + s(60)), "whoever made the call may have died of it"


def test_that_call_closes_it_or_opens_it_anew() -> None:
    later = NOON + s(60)
    probing = called(ERP_10S, broken(5), later)
    assert succeeded(probing) == Breaker()
    again = failed(ERP_10S, probing, later + s(1), 1)
    assert (again.state, again.failures, again.retry_at) == ("open", 6, NOON + s(121))


def test_a_success_forgets_the_failures_before() -> None:
    assert failed(ERP_10S, succeeded(broken(4)), NOON, 1).retry_at == NOON + s(1)


@given(st.integers(0, 5000), st.floats(0, 1))
def test_a_wait_is_never_shorter_than_the_first_nor_longer_than_the_longest(failures: int, jitter: float) -> None:
    found = failed(LONG, Breaker("closed", failures, None), NOON, jitter).retry_at
    assert found is not None
    assert s(1) <= found - NOON <= s(10)


@given(st.lists(st.tuples(st.integers(0, 100), st.booleans()), max_size=80), st.floats(0, 1))
def test_a_system_that_is_down_gets_few_calls(asks: list[tuple[int, bool]], jitter: float) -> None:
    """However often it is asked for: between two calls that were let through lies a wait, once it is open a rest."""
    breaker, now, calls = Breaker(), NOON, list[tuple[datetime, str]]()
    for pause_s, is_lost in asks:
        now += s(pause_s)
        if not may_call(breaker, now):
            continue
        calls.append((now, breaker.state))
        breaker = called(ERP_10S, breaker, now)
        if not is_lost:
            breaker = failed(ERP_10S, breaker, now, jitter)
    for (at, _), (after, state) in pairwise(calls):
        if state != "closed":
            assert after - at >= s(60)
