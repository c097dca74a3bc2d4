"""A run as a body does it."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from producers.run_curve import Runner, run_curve

RUNNERS = st.builds(Runner, st.floats(2.4, 3.6), st.floats(48, 68), st.floats(172, 198), st.floats(0.8, 1.0))


@settings(max_examples=20)
@given(runner=RUNNERS, minutes=st.integers(1, 70), seed=st.integers(0, 2**32))
def test_every_reading_is_humanly_possible(runner: Runner, minutes: int, seed: int) -> None:
    curve = run_curve(runner, minutes, np.random.default_rng(seed))
    speed = np.diff(curve.distance_m, prepend=0.0) / 3
    assert curve.distance_m.size == minutes * 20
    assert ((speed > 1.5) & (speed < 5.0)).all()
    assert ((curve.cadence_spm > 140) & (curve.cadence_spm < 200)).all()
    assert ((curve.heart_rate_bpm > 45) & (curve.heart_rate_bpm <= runner.highest_bpm + 1)).all()
    assert ((curve.ground_contact_ms > 150) & (curve.ground_contact_ms < 400)).all()


def test_the_body_warms_up() -> None:
    curve = run_curve(Runner(3.0, 60, 185, 0.9), 40, np.random.default_rng(1))
    assert curve.heart_rate_bpm[:10].mean() < curve.heart_rate_bpm[-200:].mean() - 20
    assert np.diff(curve.distance_m[:100]).mean() < np.diff(curve.distance_m[-200:]).mean()
