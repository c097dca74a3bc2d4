"""What is told from a state that an earlier version wrote, in which some sums were not kept yet."""

from __future__ import annotations

import numpy as np
import pytest

from streams.heart_rate import BANDS, is_banded
from streams.product import SHOE, WASHER
from streams.state import State
from tests.unit.streams.building import newest_sessions, taken_in
from tests.unit.streams.running import cut_up
from tests.unit.streams.test_runs import steadily
from tests.unit.streams.test_step_detected import ONE, QUIET, cycles, uploads_of


def as_version_3(state: State) -> State:
    for name, store, fields in (
        ("pieces", state.stores["pieces"], ("within_ms", "heating_ms")),
        ("sessions", state.sessions, ("course_sums", "programme", "heart_rate_bands", "moving_ms", "paused_ms")),
    ):
        kept = [field for field in fields if field in (store.values.dtype.names or ())]
        assert kept, name
        for field in kept:
            store.values[field] = 0
    return state


def test_a_cycle_of_before_its_times_were_kept_is_not_told_again_for_lack_of_them() -> None:
    state, uploads = State(WASHER), uploads_of(ONE + QUIET * 2)
    taken_in(WASHER, state, uploads[:-1])
    assert taken_in(WASHER, as_version_3(state), uploads[-1:])[0].sessions == []


@pytest.mark.parametrize("came_before", [1, 2, 4])
def test_of_a_cycle_with_a_part_of_before_its_times_were_kept_they_are_not_told(came_before: int) -> None:
    state, uploads = State(WASHER), uploads_of(ONE + QUIET)
    taken_in(WASHER, state, uploads[:came_before])
    (cycle,) = cycles(taken_in(WASHER, as_version_3(state), uploads[came_before:]))
    assert (cycle["status"], cycle["energy_wh"]) == ("closed", pytest.approx((8 * 200 + 3 * 2_000 + 2) / 60))
    told = {cycle[name] for name in ("heat_s", "heat_energy_wh", "heater_w", "programme", "programme_source")}
    assert (told, cycle["anomalies"]) == ({None}, None)


def test_of_a_run_that_began_before_bands_were_kept_no_zones_are_told() -> None:
    state, uploads = State(SHOE), cut_up(steadily(10, heart_rate_bpm=150.0), [300])
    taken_in(SHOE, state, uploads[:1])
    (run,) = newest_sessions(taken_in(SHOE, as_version_3(state), uploads[1:])).values()
    assert (run["avg_heart_rate_bpm"], run["heart_rate_zone_s"], run["load"]) == (150.0, None, None)


def test_a_heart_below_all_bands_is_no_lack_of_bands() -> None:
    for bpm in (50.0, 69.9, 70.0, 74.9, 150.0, 209.9, 230.0):
        (run,) = newest_sessions(taken_in(SHOE, State(SHOE), cut_up(steadily(3, heart_rate_bpm=bpm), []))).values()
        assert run["load"] is not None, bpm
    rng = np.random.default_rng(3)
    bands_ms = rng.integers(0, 9_000, BANDS).tolist()
    all_ms = sum(bands_ms) + 50_000
    beats = sum((74.9 + 5 * band) * time_ms for band, time_ms in enumerate(bands_ms)) + 69.9 * 50_000
    assert is_banded(bands_ms, all_ms, beats, 230.0)
    assert not is_banded(bands_ms, all_ms, beats + 5 * 50_000 + sum(bands_ms), 230.0)
