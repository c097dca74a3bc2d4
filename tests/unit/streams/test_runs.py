"""What is said of a run, however it was cut into uploads and in whatever order they came."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.facts import Run
from schemas.uploads import MAX_SPAN_MS
from streams.desk.register import EMPTY, Register
from streams.heart_rate import HIGHEST_BPM, load_min, zone_s
from streams.memory import Position, changes, restored
from streams.product import SHOE
from streams.splits import MOST_KM
from streams.state import State
from streams.step import step
from tests.unit.examples import examples
from tests.unit.producers import shoes
from tests.unit.streams.building import NOON_MS, Upload, a_batch, a_shoe_upload, newest_sessions
from tests.unit.streams.desk.building import ANNA, BERND, custodies, taught
from tests.unit.streams.running import Reading, a_run, cut_up, plainly

SEEDS = st.integers(0, 2**32)
COURSE = ("moving_s", "paused_s", "gap_s", "pace_s_per_km")
HEALTH = ("avg_heart_rate_bpm", "max_heart_rate_bpm", "heart_rate_zone_s", "max_heart_rate_known_bpm", "load",
          "avg_ground_contact_ms", "avg_contact_balance_pct", "asymmetry_pct")  # fmt: skip
SAID = (*COURSE, *HEALTH, "split_s", "distance_m", "reading_count")


def the_run(
    uploads: Sequence[Upload], sizes: Sequence[int] = (), register: Register = EMPTY, state: State | None = None
) -> dict[str, Any]:
    """What is said of the only run in the end."""
    (run,) = the_runs(uploads, sizes, register, state)
    return run


def the_runs(
    uploads: Sequence[Upload], sizes: Sequence[int] = (), register: Register = EMPTY, state: State | None = None
) -> list[dict[str, Any]]:
    """What is said of each device's run in the end."""
    state, said, offset = State(SHOE) if state is None else state, [], 0
    for size in [*sizes, len(uploads)]:
        batch = a_batch(SHOE, uploads[offset : offset + size], offset)
        said.append(step(SHOE, state, batch, register=register))
        offset += size
    return [{name: run[name] for name in SAID} for _, run in sorted(newest_sessions(said).items())]


def some_cuts(rng: Random, readings: Sequence[Reading]) -> list[int]:
    return rng.sample(range(len(readings)), rng.randrange(len(readings)))


@examples(12)
@given(seed=SEEDS)
def test_runs_are_told_alike_however_they_were_cut_and_in_whatever_order_they_came(seed: int) -> None:
    rng = Random(seed)
    runs = {device_id: a_run(rng, rng.randrange(2, 40)) for device_id in ("s-1", "s-2")}
    parts = [cut_up(readings, some_cuts(rng, readings), device_id=device_id) for device_id, readings in runs.items()]
    uploads = [upload for part in parts for upload in part]
    rng.shuffle(uploads)
    sizes = [rng.choice([0, 1, 1, 2, 5]) for _ in range(len(uploads) // 3)]
    assert the_runs(uploads, sizes) == [the_run(cut_up(readings, [])) for readings in runs.values()]


@examples(4)
@given(seed=SEEDS)
def test_parts_of_a_run_that_come_after_restarts_join_what_was_kept(seed: int) -> None:
    rng, state, records = Random(seed), State(SHOE), dict[bytes, bytes]()
    readings = a_run(rng, 12)
    uploads = cut_up(readings, some_cuts(rng, readings))
    rng.shuffle(uploads)
    for checkpoint, upload in enumerate(uploads[:-1], 1):
        step(SHOE, state, a_batch(SHOE, [upload], checkpoint))
        state.tidy()
        records.update(changes(state, Position("topic", checkpoint, checkpoint)))
        state, _ = restored(SHOE, records)
    assert the_run(uploads[-1:], state=state) == the_run(cut_up(readings, []))


@examples(12)
@given(seed=SEEDS)
def test_a_run_is_what_a_plain_loop_over_its_readings_says(seed: int) -> None:
    rng = Random(seed)
    readings = a_run(rng, rng.randrange(2, 60))
    uploads = cut_up(readings, some_cuts(rng, readings))
    assert_told(the_run(uploads, register=told_their_highest(200.0)), plainly(readings, 200.0))


@pytest.mark.parametrize("nature", [1, 2, 3])
def test_a_simulated_run_is_what_a_plain_loop_over_its_readings_says(nature: int) -> None:
    uploads = shoes.a_run(shoes.a_shoe(nature=nature))
    readings = [
        Reading(upload["start_ms"] + offset_ms, distance_m, heart_rate, None)
        for upload in uploads
        for offset_ms, distance_m, heart_rate in zip(
            upload["offset_ms"],
            upload["distance_m"],
            upload["heart_rate_bpm"] or [None] * len(upload["offset_ms"]),
            strict=True,
        )
    ]
    register = told_their_highest(200.0, uploads[0]["device_id"])
    run = the_run(uploads, register=register)
    assert_told(run, plainly(readings, 200.0, uploads[0]["run_started_ms"]))
    assert len(run["split_s"]) == int(run["distance_m"] / 1_000)
    assert all(180 < split_s < 600 for split_s in run["split_s"] if split_s is not None)


def assert_told(run: dict[str, Any], expected: dict[str, Any]) -> None:
    for name in COURSE:
        assert run[name] == pytest.approx(expected[name], abs=2e-3), name
    assert [value is None for value in run["split_s"]] == [value is None for value in expected["split_s"]]
    for found, value in zip(run["split_s"], expected["split_s"], strict=True):
        assert found is None or found == pytest.approx(value, abs=2e-3)
    if run["heart_rate_zone_s"] is not None:
        assert run["heart_rate_zone_s"] == pytest.approx(expected["heart_rate_zone_s"])


def told_their_highest(bpm: float | None, device_id: str = "s-1") -> Register:
    return taught(custodies((ANNA, 0, None), device_id=device_id, max_heart_rate_bpm=bpm))


def steadily(minutes: float, m_per_s: float = 3.0, **fields: Any) -> list[Reading]:
    """A reading each second of somebody who runs evenly."""
    return [Reading(NOON_MS + 1_000 * second, m_per_s * second, **fields) for second in range(1, int(60 * minutes) + 1)]


def later(readings: Sequence[Reading], by_ms: int) -> list[Reading]:
    return [Reading(reading.at_ms + by_ms, reading.distance_m) for reading in readings]


def test_a_wait_at_a_light_is_a_pause_and_a_silence_is_a_gap() -> None:
    readings = steadily(12)
    light, silence = readings[:200] + later(readings[200:], 30_000), readings[:200] + later(readings[200:], 90_000)
    waited, silent = the_run(cut_up(light, [])), the_run(cut_up(silence, []))
    assert [waited[name] for name in COURSE] == [719.0, 31.0, 0.0, pytest.approx(1_000 / 3)]
    assert [silent[name] for name in COURSE] == [719.0, 0.0, 91.0, pytest.approx(1_000 / 3)]
    assert waited["split_s"] == [pytest.approx(1_000 / 3 + 30, abs=1e-3), pytest.approx(1_000 / 3, abs=2e-3)]


def test_steps_without_any_distance_are_neither_motion_nor_a_pause() -> None:
    readings = steadily(10, m_per_s=0.0)
    treadmill = the_run([{**upload, "cadence_spm": [172.0] * 600} for upload in cut_up(readings, [])])
    assert [treadmill[name] for name in COURSE] == [None, None, 0.0, None]
    stood = the_run([{**upload, "cadence_spm": [0.0] * 600} for upload in cut_up(readings, [])])
    assert [stood[name] for name in COURSE] == [0.0, 600.0, 0.0, None]


def test_a_kilometre_that_was_full_in_a_gap_has_no_time_nor_has_the_next() -> None:
    readings = steadily(17)
    hidden = [reading for reading in readings if not 990 < reading.distance_m < 1_200]
    assert the_run(cut_up(hidden, []))["split_s"] == [None, None, pytest.approx(1_000 / 3, abs=2e-3)]


def test_a_stop_of_the_watch_at_the_mark_hides_nothing() -> None:
    readings = steadily(16, m_per_s=2.5)
    stopped = readings[:400] + later(readings[400:], 90_000)
    assert stopped[399].distance_m == 1_000
    assert the_run(cut_up(stopped, [400]))["split_s"] == [400.0, 490.0]


def test_the_pace_is_of_what_was_run_while_it_was_measured() -> None:
    """Distance counts on through a gap; its time does not."""
    readings = steadily(10)
    run = the_run(cut_up([reading for reading in readings if not 300 < reading.distance_m < 900], []))
    assert run["pace_s_per_km"] == pytest.approx(1_000 / 3)
    assert run["distance_m"] == 1_800


def test_kilometres_beyond_the_last_one_kept_have_no_time() -> None:
    readings = [Reading(NOON_MS + 10_000 * number, 50.0 * number) for number in range(1, 20 * (MOST_KM + 2) + 1)]
    splits_s = the_run(cut_up(readings, []))["split_s"]
    assert splits_s == [200.0] * MOST_KM + [None, None]


def test_a_run_below_a_kilometre_has_no_split() -> None:
    run = the_run(cut_up(steadily(5), []))
    assert (run["distance_m"], run["split_s"]) == (900, [])


def test_zones_go_by_what_the_runner_told_as_of_the_run_or_else_by_an_adult_s_rate() -> None:
    uploads = cut_up(steadily(10, heart_rate_bpm=151.0), [])
    nobody_told = the_run(uploads, register=told_their_highest(None))
    assert nobody_told["max_heart_rate_known_bpm"] == the_run(uploads)["max_heart_rate_known_bpm"] == HIGHEST_BPM
    assert nobody_told["heart_rate_zone_s"] == [0, 0, 240, 360, 0]
    told = the_run(uploads, register=told_their_highest(150.0))
    assert (told["max_heart_rate_known_bpm"], told["heart_rate_zone_s"], told["load"]) == (150, [0, 0, 0, 0, 600], 50)
    custody = custodies((BERND, 0, NOON_MS), (ANNA, NOON_MS, None), device_id="s-1", max_heart_rate_bpm=None)
    custody.max_heart_rate_bpm[:] = [150.0, 200.0]
    assert the_run(uploads, register=taught(custody))["heart_rate_zone_s"] == [0, 0, 600, 0, 0]


def test_a_band_in_two_zones_is_shared_and_none_is_lost() -> None:
    bands_ms = [0] * 8 + [5_000] * 20  # a second for each beat from 110 on
    assert zone_s(bands_ms, 190.0) == pytest.approx([4, 19, 19, 19, 39])  # 114, 133, 152, 171
    assert load_min([60, 60, 60, 60, 60]) == 15


def test_the_balance_tells_how_far_the_feet_are_apart() -> None:
    run = the_run(cut_up(steadily(10, contact_balance_pct=48.5), []))
    assert (run["avg_contact_balance_pct"], run["asymmetry_pct"]) == (48.5, 3.0)


def test_of_a_runner_who_did_not_agree_only_motion_is_told() -> None:
    run = the_run(cut_up(steadily(10), [100], health_consent=False), register=told_their_highest(180.0))
    assert {run[name] for name in HEALTH} == {None}
    assert (run["moving_s"], len(run["split_s"])) == (600, 1)


def test_a_run_has_no_place() -> None:
    """Positions are in readings, under consent, and nowhere else."""
    assert not [name for name in Run.model_fields if "deg" in name or "lat" in name.split("_") or "position" in name]
    upload = a_shoe_upload(location_consent=True, latitude_deg=[47.123457] * 2, longitude_deg=[8.765431] * 2)
    outputs = step(SHOE, State(SHOE), a_batch(SHOE, [upload, {**upload, "seq": 2, "location_consent": None}]))
    assert not [said for said in ("47.12", "8.765") if said in str(outputs.sessions)]
    assert outputs.readings.column("latitude_deg").to_pylist() == [47.123457] * 2 + [None] * 2


def kept_apart(uploads: Sequence[Upload]) -> int:
    state = State(SHOE)
    the_run(uploads, [1] * len(uploads), state=state)
    return len(state.stores["seams"])


def test_nothing_is_kept_apart_of_a_run_that_comes_in_order_or_never_reaches_back() -> None:
    uploads = cut_up(steadily(5), range(20, 300, 20))
    assert kept_apart(uploads) == 0
    assert kept_apart([{**upload, "lead_ms": 0} for upload in uploads]) == 0


def test_a_missing_upload_keeps_two_readings_apart_until_it_comes() -> None:
    uploads = cut_up(steadily(5), range(20, 300, 20))
    assert kept_apart(uploads[:5] + uploads[6:]) == 2
    assert kept_apart(uploads[:5] + uploads[6:] + uploads[5:6]) == 0


def test_what_is_kept_apart_is_forgotten_with_its_run() -> None:
    state, uploads = State(SHOE), cut_up(steadily(5), range(20, 300, 20))
    the_run(uploads[:5] + uploads[6:], state=state)
    state.tidy()
    assert len(state.stores["seams"]) == 2
    state.index.forget(state.sessions.rows())
    state.index.rows_of(np.array([0]), np.array([NOON_MS - 1]))  # the next run takes the row
    state.tidy()
    assert len(state.stores["seams"]) == 0


def test_the_longest_span_still_joins_two_uploads() -> None:
    readings = [Reading(NOON_MS + MAX_SPAN_MS * number, 180.0 * number) for number in range(1, 12)]
    run = the_run(cut_up(readings, range(1, 11)))
    assert (run["moving_s"], run["gap_s"]) == (660, 0)
