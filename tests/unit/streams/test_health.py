"""Health: red when input waits and nobody takes it, green when there is nothing to do. Time is a number here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from hypothesis import given
from hypothesis import strategies as st

from streams.batch import Place
from streams.health import Health, Limits, Look, Seen, Standing, followed, judged

ZERO = Place("telemetry.washer.v1", 0)
ONE = Place("telemetry.washer.v1", 1)
LIMITS = Limits(stuck_s=30.0, silent_s=20.0, rebalance_s=90.0, take_over_s=120.0)


def seen_in_turn(looks: Sequence[tuple[float, Mapping[Place, Seen]]]) -> Health:
    """The verdict after looks at those seconds."""
    standings: dict[Place, Standing] = {}
    verdict = Health()
    for now_s, partitions in looks:
        look = Look(partitions)
        standings = followed(standings, look, now_s)
        verdict = judged(standings, look, now_s, LIMITS)
    return verdict


def test_a_partition_that_stands_still_while_input_waits_turns_red_after_the_limit() -> None:
    # position 12 of 40 from 5 s on:     5 ......... 35 | 36
    stuck = {ZERO: Seen(12, end=40)}
    assert seen_in_turn([(5.0, stuck), (35.0, stuck)]).is_green
    verdict = seen_in_turn([(5.0, stuck), (35.0, stuck), (36.0, stuck)])
    assert verdict.problems == ("telemetry.washer.v1[0] stands at 12 for 31 s while input waits up to 40",)


def test_a_partition_that_moves_is_green_however_far_behind_it_is() -> None:
    looks = [(float(now_s), {ZERO: Seen(now_s // 20, end=1_000_000)}) for now_s in range(0, 400, 10)]
    assert seen_in_turn(looks).is_green


def test_one_that_moves_again_is_green_again() -> None:
    stuck = {ZERO: Seen(12, end=40)}
    assert not seen_in_turn([(0.0, stuck), (60.0, stuck)]).is_green
    assert seen_in_turn([(0.0, stuck), (60.0, stuck), (61.0, {ZERO: Seen(13, end=40)})]).is_green


def test_the_time_counts_from_when_input_began_to_wait() -> None:
    idle, waits = {ZERO: Seen(40, end=40)}, {ZERO: Seen(40, end=41)}
    looks = [(0.0, idle), (500.0, idle), (501.0, waits)]
    assert seen_in_turn([*looks, (529.0, waits)]).is_green
    assert not seen_in_turn([*looks, (531.0, waits)]).is_green


def test_each_stuck_partition_is_named_and_the_others_are_not() -> None:
    looks = [(now_s, {ZERO: Seen(1, end=9), ONE: Seen(int(now_s), end=99)}) for now_s in (0.0, 20.0, 40.0)]
    assert [problem.split()[0] for problem in seen_in_turn(looks).problems] == ["telemetry.washer.v1[0]"]


def test_a_partition_given_away_and_back_starts_anew() -> None:
    stuck = {ZERO: Seen(1, end=9)}
    assert seen_in_turn([(0.0, stuck), (29.0, stuck), (30.0, {}), (31.0, stuck), (60.0, stuck)]).is_green


def test_a_partition_that_nobody_fetches_is_red_though_no_input_is_known_to_wait() -> None:
    problem = "telemetry.washer.v1[0] has not been fetched for 25 s, position 7"
    assert seen_in_turn([(0.0, {ZERO: Seen(7, end=7, end_age_s=25.0)})]).problems == (problem,)
    never = {ZERO: Seen(7)}
    assert seen_in_turn([(0.0, never), (20.0, never)]).is_green
    assert seen_in_turn([(0.0, never), (20.0, never), (25.0, never)]).problems == (problem,)


def test_a_rebalance_or_a_take_over_may_last_so_long_and_no_longer() -> None:
    assert judged({}, Look({}, rebalancing_s=89.0, taking_over_s={ZERO: 119.0}), 200.0, LIMITS).is_green
    problems = judged({}, Look({}, rebalancing_s=91.0, taking_over_s={ZERO: 121.0}), 200.0, LIMITS).problems
    assert problems == (
        "partitions are being shared out for 91 s, 90 s at most",
        "telemetry.washer.v1[0] is being taken over for 121 s, 120 s at most",
    )


@given(st.lists(st.tuples(st.floats(0, 100), st.integers(0, 50)), max_size=20))
def test_a_worker_without_waiting_input_is_always_green(steps: list[tuple[float, int]]) -> None:
    now_s, position, looks = 0.0, 0, []
    for pause_s, more in steps:
        now_s, position = now_s + pause_s, position + more
        looks.append((now_s, {ZERO: Seen(position, end=position)}))
    assert seen_in_turn(looks).is_green
