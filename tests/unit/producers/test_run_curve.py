"""A run as a body does it."""

from __future__ import annotations

from random import Random

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from producers.run_curve import Condition, RunCurve, run_curve
from producers.runner import Body
from producers.training import AMBITIOUS, LEVELS, REGULAR, Kind, Level, Stretch, workout

BODIES = st.builds(
    Body,
    st.floats(2.1, 3.9),
    st.floats(42, 62),
    st.floats(172, 198),
    st.floats(0.8, 1.0),
    st.floats(1_500, 7_200),
    st.floats(48.5, 51.5),
)
CONDITIONS = st.builds(Condition, st.floats(0, 1), st.floats(0, 1))
KINDS: tuple[Kind, ...] = ("easy", "intervals", "tempo", "long")
SOMEBODY = Body(2.9, 55, 185, 0.9, 3_600, 50.0)


def a_run(level: Level, kind: Kind, seed: int = 1, condition: Condition | None = None) -> RunCurve:
    return run_curve(
        SOMEBODY, workout(level, kind, 1.0, Random(seed)), condition or Condition(), np.random.default_rng(seed)
    )


def steady(minutes: float, pace: float = 1.0, condition: Condition | None = None, seed: int = 1) -> RunCurve:
    return run_curve(SOMEBODY, [Stretch(minutes * 60, pace)], condition or Condition(), np.random.default_rng(seed))


@given(
    body=BODIES,
    level=st.sampled_from(LEVELS),
    kind=st.sampled_from(KINDS),
    share=st.floats(0.4, 1.0),
    condition=CONDITIONS,
    seed=st.integers(0, 2**32),
)
def test_every_reading_is_humanly_possible(
    body: Body, level: Level, kind: Kind, share: float, condition: Condition, seed: int
) -> None:
    curve = run_curve(body, workout(level, kind, share, Random(seed)), condition, np.random.default_rng(seed))
    moves = ~curve.is_standing
    way_m, took_s = np.diff(curve.distance_m, prepend=0.0), np.diff(curve.at_ms, prepend=0) / 1000
    assert (way_m >= 0).all()
    assert (took_s > 0).all()
    assert (way_m / took_s < 7.0).all()
    assert (way_m[moves] / took_s[moves] > 0.7).all()
    assert ((curve.cadence_spm[moves] > 130) & (curve.cadence_spm[moves] < 210)).all()
    assert ((curve.heart_rate_bpm > 40) & (curve.heart_rate_bpm <= body.highest_bpm + 1)).all()
    assert ((curve.contact_ms[moves] > 150) & (curve.contact_ms[moves] < 400)).all()
    assert (np.diff(curve.steps) >= 0).all()
    assert not curve.is_standing[[0, -1]].any()


def test_the_body_warms_up() -> None:
    curve = a_run(REGULAR, "easy")
    way_m = np.diff(curve.distance_m)
    assert curve.heart_rate_bpm[:10].mean() < curve.heart_rate_bpm[200:400].mean() - 20
    assert way_m[:100].mean() < way_m[200:400].mean()


def test_a_tired_runner_takes_fewer_steps_stays_longer_on_the_ground_and_has_a_faster_heart() -> None:
    curve = steady(90)
    early, late = slice(200, 400), slice(-200, None)
    assert curve.cadence_spm[late].mean() < curve.cadence_spm[early].mean() - 2
    assert curve.contact_ms[late].mean() > curve.contact_ms[early].mean() + 5
    assert curve.heart_rate_bpm[late].mean() > curve.heart_rate_bpm[early].mean() + 3
    assert np.diff(curve.distance_m)[late].mean() < np.diff(curve.distance_m)[early].mean()


def test_long_and_hard_runs_tire_more_than_short_and_easy_ones() -> None:
    """Contact time that no difference in speed explains: 34 ms less for each m/s more."""

    def tired_ms(curve: RunCurve) -> float:
        speed = np.diff(curve.distance_m, prepend=0.0) / 3
        return float((curve.contact_ms + 34 * speed)[-100:].mean() - (curve.contact_ms + 34 * speed)[:100].mean())

    assert tired_ms(steady(25)) < tired_ms(steady(25, pace=1.2)) - 2
    assert tired_ms(steady(25)) < tired_ms(steady(80)) - 5


def test_intervals_go_up_and_down_and_the_heart_follows_later() -> None:
    curve = run_curve(
        SOMEBODY,
        [Stretch(600, 0.9), *[Stretch(180, 1.3), Stretch(120, 0.74)] * 5, Stretch(480, 0.84)],
        Condition(),
        np.random.default_rng(2),
    )
    speed = np.diff(curve.distance_m, prepend=0.0) / 3
    for repeat in range(5):
        first = 200 + repeat * 100
        hard, jog = slice(first + 5, first + 55), slice(first + 65, first + 95)
        assert speed[hard].mean() > 1.4 * speed[jog].mean()
        begin_bpm, end_bpm = (curve.heart_rate_bpm[first + at : first + at + 5].mean() for at in (0, 55))
        assert end_bpm > begin_bpm + 15
        assert curve.heart_rate_bpm[first + 10] < end_bpm - 8


def test_worn_foam_and_an_injury_cost_contact_time_and_effort() -> None:
    new, worn, hurt = (steady(30, condition=condition) for condition in (Condition(), Condition(1.0), Condition(0, 1)))
    assert worn.distance_m[-1] == new.distance_m[-1]
    assert 7 < (worn.contact_ms - new.contact_ms).mean() < 11
    assert 1 < (worn.heart_rate_bpm - new.heart_rate_bpm).mean() < 6
    assert hurt.distance_m[-1] < new.distance_m[-1]
    assert (hurt.contact_ms > new.contact_ms).all()


def test_a_wait_is_one_reading_in_which_nothing_moves_but_the_heart() -> None:
    lights = [Stretch(300, 1.0), Stretch(45, 0.0), Stretch(300, 1.0), Stretch(90, 0.0), Stretch(300, 1.0)]
    curve = run_curve(SOMEBODY, lights, Condition(), np.random.default_rng(3))
    waits = np.flatnonzero(curve.is_standing)
    assert np.diff(curve.at_ms, prepend=0)[waits].tolist() == [45_000, 90_000]
    assert np.diff(curve.at_ms, prepend=0)[~curve.is_standing].tolist() == [3_000] * 300
    assert (curve.distance_m[waits] == curve.distance_m[waits - 1]).all()
    assert (curve.steps[waits] == curve.steps[waits - 1]).all()
    assert (curve.cadence_spm[waits] == 0).all()
    assert (curve.heart_rate_bpm[waits] < curve.heart_rate_bpm[waits - 1] - 20).all()


def test_steps_are_what_the_cadence_says() -> None:
    """The stream adds cadence over time up: both must agree, or a run's steps would depend on who counts them."""
    for seed in range(5):
        curve = a_run(AMBITIOUS, "long", seed)
        spans_min = np.diff(curve.at_ms, prepend=0) / 60_000
        assert abs((curve.cadence_spm * spans_min).sum() - curve.steps[-1]) < 1e-6
