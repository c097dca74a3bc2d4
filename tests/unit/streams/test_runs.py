"""What is said of a run, however it was cut into uploads and in whatever order they came."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.memory import Position, changes, restored
from streams.product import SHOE
from streams.step import State, step
from tests.unit.examples import examples
from tests.unit.streams.arrivals import a_cut
from tests.unit.streams.building import NOON_MS, Upload, a_batch, a_shoe_upload, newest_sessions, taken_in
from tests.unit.streams.running import Reading, a_run, cut_up, plainly

SEEDS = st.integers(0, 2**32)
SAID = ("moving_s", "paused_s", "gap_s", "pace_s_per_km", "split_s", "heart_rate_zone_s", "load", "asymmetry_pct",
        "avg_contact_balance_pct", "max_heart_rate_bpm", "avg_heart_rate_bpm", "distance_m")  # fmt: skip


def the_run(uploads: Sequence[Upload], sizes: Sequence[int] = ()) -> dict[str, Any]:
    """The only run's newest version."""
    (run,) = newest_sessions(taken_in(SHOE, State(SHOE), uploads, sizes)).values()
    return run


def said_of(run: dict[str, Any]) -> dict[str, Any]:
    return {name: run[name] for name in SAID}


@examples(12)
@given(seed=SEEDS)
def test_a_run_is_told_alike_however_it_was_cut_and_in_whatever_order_it_came(seed: int) -> None:
    rng = Random(seed)
    readings = a_run(rng, rng.randrange(2, 60))
    whole = the_run(cut_up(readings, []))
    uploads = cut_up(readings, rng.sample(range(len(readings)), rng.randrange(len(readings))))
    rng.shuffle(uploads)
    assert said_of(the_run(uploads, a_cut(rng, len(uploads)))) == said_of(whole)
    one_by_one = the_run(uploads, [1] * len(uploads))
    assert said_of(one_by_one) == said_of(whole)


@examples(12)
@given(seed=SEEDS)
def test_a_run_is_what_a_plain_loop_over_its_readings_says(seed: int) -> None:
    rng = Random(seed)
    readings = a_run(rng, rng.randrange(2, 60))
    uploads = cut_up(readings, rng.sample(range(len(readings)), rng.randrange(len(readings))))
    run, expected = the_run(uploads), plainly(readings)
    for name in ("moving_s", "paused_s", "gap_s", "pace_s_per_km"):
        assert run[name] == pytest.approx(expected[name], abs=2e-3), name
    assert [value is None for value in run["split_s"]] == [value is None for value in expected["split_s"]]
    for found, value in zip(run["split_s"], expected["split_s"], strict=True):
        assert found == value or found == pytest.approx(value, abs=2e-3)
    if run["heart_rate_zone_s"] is not None:
        assert run["heart_rate_zone_s"] == pytest.approx(expected["heart_rate_zone_s"], abs=60)
