"""The course of reported cycles: the same in any order, cut and repetition, and as a plain loop has it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.catalogue import WASHER_BY_MATERIAL
from streams.batch import Batch, Outputs
from streams.memory import Position, changes, restored
from streams.product import WASHER
from streams.state import State
from streams.step import step
from tests.unit.examples import examples
from tests.unit.streams.arrivals import a_cut, arriving
from tests.unit.streams.building import (
    NOON_MS,
    Upload,
    a_second_washer_upload,
    a_washer_upload,
    encoded,
    newest_sessions,
)
from tests.unit.streams.simulated import a_washer_batch

PHASES = ["fill", "heat", "wash", "rinse", "spin"]
STEP_MS = 15_000
MODEL = WASHER_BY_MATERIAL["WM-6010"]
COURSE = [
    "fill_s", "heat_s", "wash_s", "rinse_s", "spin_s", "drain_s", "heat_energy_wh", "heater_w", "heating_k_per_min",
    "max_temperature_c", "max_drum_rpm", "spin_w", "anomalies", "programme", "programme_source",
    "label_energy_deviation_pct", "label_water_deviation_pct",
]  # fmt: skip


def some_cycles(rng: Random, devices: int = 2, cycles: int = 3) -> list[Upload]:
    """Uploads of machines of both versions, in the order of their numbers; a machine may be updated in a cycle."""
    uploads: list[Upload] = []
    for device in range(devices):
        seq, now_ms, water_l = rng.randrange(100), NOON_MS, 0.0
        for number in range(1, cycles + 1):
            started_ms, water_l = now_ms, 0.0
            programme = rng.choice([None, "eco", "quick"])
            parts = rng.randrange(1, 5)
            for part in range(parts):
                count = rng.choice([0, 1, 4, 9])
                drawn = [water_l + reading * rng.random() for reading in range(count)]
                water_l = max([water_l, *drawn])
                fields: dict[str, Any] = {
                    "device_id": f"d-{device}", "seq": seq, "start_ms": now_ms + STEP_MS, "lead_ms": STEP_MS,
                    "sent_at_ms": now_ms + 10 * STEP_MS, "offset_ms": [STEP_MS * at for at in range(count)],
                    "cycle_no": number, "cycle_started_ms": started_ms, "cycle_ended": part == parts - 1,
                    "programme": programme, "alert": rng.choice([None, None, "drain_slow", "unbalance", "power_cut"]),
                    "power_w": [rng.choice([2.5, 8.0, 31.0, 77.3, 300.0, 1_200.0, 1_955.5]) for _ in range(count)],
                    "water_l": sorted(drawn),
                    "temperature_c": [rng.choice([None, round(rng.uniform(-3, 60), 1)]) for _ in range(count)],
                    "drum_rpm": [rng.choice([None, 0, 20, 50, 59, 61, 700, 715, 1_150.0]) for _ in range(count)],
                }  # fmt: skip
                if rng.random() < 0.5:
                    uploads.append(a_second_washer_upload(**fields, phase=[rng.choice(PHASES) for _ in range(count)]))
                else:
                    uploads.append(a_washer_upload(**fields))
                now_ms += max(count, 1) * STEP_MS + rng.choice([0, 0, 0, 100_000])
                seq += rng.choice([1, 1, 1, 1, 1, 2])
    return uploads


def a_mixed_batch(uploads: Sequence[Upload], first_offset: int = 0) -> Batch:
    return a_washer_batch([encoded(upload) for upload in uploads], first_offset)


def courses(uploads: Sequence[Upload], sizes: Sequence[int], restarts: Random | None = None) -> dict[str, Any]:
    """The course of each cycle in the end, when the uploads come in batches of those sizes."""
    state, records, said, offset = State(WASHER), dict[bytes, bytes](), list[Outputs](), 0
    for checkpoint, size in enumerate([*sizes, len(uploads)], 1):
        some = uploads[offset : offset + size]
        if some:
            said.append(step(WASHER, state, a_mixed_batch(some, offset)))
        offset += len(some)
        if restarts is not None:
            state.tidy()
            records.update(changes(state, Position("topic", offset, checkpoint)))
            if restarts.random() < 0.3:
                state, _ = restored(WASHER, records)
    assert not [failed for outputs in said for failed in outputs.failed]
    newest = newest_sessions(said)
    return {name: {field: fact[field] for field in COURSE} for name, fact in newest.items() if fact["status"] != "open"}


@examples(3)
@given(seed=st.integers(0, 2**32))
def test_neither_order_nor_cut_nor_repeats_nor_restarts_change_the_course_of_a_cycle(seed: int) -> None:
    rng = Random(seed)
    in_order = some_cycles(rng)
    expected = courses(in_order, [])
    shuffled = arriving(rng, in_order)
    assert courses(shuffled, a_cut(rng, len(shuffled)), restarts=rng) == expected


@examples(3)
@given(seed=st.integers(0, 2**32))
def test_a_plain_loop_over_the_readings_tells_the_same_course(seed: int) -> None:
    uploads = some_cycles(Random(seed))
    found = courses(uploads, [])
    names = {f"{upload['device_id']}:{upload['cycle_started_ms']}" for upload in uploads}
    assert found.keys() == names
    for name in names:
        parts = [upload for upload in uploads if f"{upload['device_id']}:{upload['cycle_started_ms']}" == name]
        for field, value in plainly(parts).items():
            if isinstance(value, float):
                assert math.isclose(found[name][field], value, rel_tol=1e-4, abs_tol=0.02), field
            else:
                assert found[name][field] == value, field


def plainly(parts: Sequence[Upload]) -> dict[str, Any]:
    """A part of the course, as docs/wash-cycles.md words it. Readings cover 15 s, all of them."""
    readings = [
        (*row, phase)
        for upload in parts
        for *row, phase in zip(
            upload["power_w"], upload["drum_rpm"], upload["temperature_c"],
            upload.get("phase") or [None] * len(upload["power_w"]), strict=True,
        )
    ]  # fmt: skip
    heats = [power for power, *_ in readings if power >= MODEL.heater_w / 2]
    hot = [power for power, *_ in readings if power >= MODEL.heater_w * 0.8]
    stands = [power for power, rpm, *_ in readings if rpm is not None and rpm < 5 and power < MODEL.heater_w / 2]
    speeds = [rpm for _, rpm, *_ in readings if rpm is not None]
    warm = [celsius for _, _, celsius, _ in readings if celsius is not None]
    top = max(speeds, default=0)
    steady = [power for power, rpm, *_ in readings if top >= 60 and rpm is not None and near(rpm, top)]
    return {
        "heat_energy_wh": sum(heats) * 15 / 3600,
        "heater_w": sum(hot) / len(hot) if hot else None,
        "drain_s": 15.0 * sum(power >= 14 for power in stands) if top else None,
        "max_temperature_c": max(warm, default=None),
        "max_drum_rpm": float(top) if top else None,
        "spin_w": sum(steady) / len(steady) if steady else None,
    }


def near(rpm: float, top: float) -> bool:
    """Whether both lie between the same two powers of 0.95 of 60/min, counted upwards."""
    edges = [60 / 0.95**number for number in range(80)]
    return any(low <= rpm < high and low <= top < high for low, high in pairwise(edges))


@pytest.mark.parametrize("version", [1, 2])
def test_phases_are_those_reported_or_those_that_the_channels_show(version: int) -> None:
    shown = {  # watts, 1/min, litres
        "fill": (8.0, 0, 3.0),
        "heat": (1_980.0, 50, 14.0),
        "wash": (80.0, 50, 14.0),
        "rinse": (8.0, 20, 15.0),
        "spin": (300.0, 900, 50.0),
    }
    power_w, rpm, water_l = (list(values) for values in zip(*shown.values(), strict=True))
    fields: dict[str, Any] = {
        "offset_ms": [STEP_MS * at for at in range(5)], "lead_ms": STEP_MS, "cycle_ended": True, "programme": "cotton",
        "power_w": power_w, "drum_rpm": rpm, "water_l": water_l, "temperature_c": None, "start_ms": NOON_MS,
    }  # fmt: skip
    reported = list(reversed(PHASES))
    upload = a_washer_upload(**fields) if version == 1 else a_second_washer_upload(**fields, phase=reported)
    said = step(WASHER, State(WASHER), a_mixed_batch([upload]))
    (fact,) = said.sessions
    assert [fact[f"{phase}_s"] for phase in PHASES] == [15.0] * 5
    lonely = {**fields, "offset_ms": [0], **{name: fields[name][:1] for name in ("power_w", "drum_rpm", "water_l")}}
    upload = a_washer_upload(**lonely) if version == 1 else a_second_washer_upload(**lonely, phase=["spin"])
    (fact,) = step(WASHER, State(WASHER), a_mixed_batch([upload])).sessions
    assert fact["fill_s" if version == 1 else "spin_s"] == 15.0


def test_a_cycle_of_a_machine_that_only_knows_its_power_has_no_phases_but_heating() -> None:
    upload = a_washer_upload(power_w=[2_000.0, 100.0], offset_ms=[0, STEP_MS], lead_ms=STEP_MS, temperature_c=None,
                             cycle_ended=True, water_l=None)  # fmt: skip
    (fact,) = step(WASHER, State(WASHER), a_mixed_batch([upload])).sessions
    assert (fact["heat_s"], fact["heat_energy_wh"]) == (15.0, pytest.approx(2_000 * 15 / 3600, abs=1e-3))
    nothing = ("drain_s", "max_drum_rpm", "spin_w", "heating_k_per_min", "max_temperature_c")
    assert [fact[name] for name in nothing] == [None] * 5
