"""Devices that have been silent for long are forgotten, and nobody else notices."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import Any

import numpy as np
import pytest
from hypothesis import event, given
from hypothesis import strategies as st

from streams.batch import Outputs
from streams.memory import Position, changes, restored
from streams.product import WASHER
from streams.state import State
from tests.unit.examples import examples
from tests.unit.streams.building import NOON_MS, Upload, a_plug_upload, a_washer_upload, taken_in

DAY_MS = 86_400_000
LIMIT_MS = 10 * DAY_MS


def an_upload(device: str, seq: int, day: float, **fields: Any) -> dict[str, Any]:
    at_ms = NOON_MS + int(day * DAY_MS)
    return a_washer_upload(
        device_id=device, seq=seq, start_ms=at_ms, sent_at_ms=at_ms + 2_000,
        **({"cycle_started_ms": at_ms, "cycle_ended": True} | fields),
    )  # fmt: skip


def a_plug(device: str, seq: int, day: float) -> Upload:
    at_ms = NOON_MS + int(day * DAY_MS)
    return a_plug_upload(device_id=device, seq=seq, start_ms=at_ms, sent_at_ms=at_ms + 2_000, power_w=[0.0, 0.0])


def knows(state: State, device: str) -> bool:
    return state.devices.slot(device) is not None


def test_a_device_is_forgotten_with_its_sessions_and_pieces_once_it_is_idle_for_longer_than_the_limit() -> None:
    state = State(WASHER)
    taken_in(WASHER, state, [an_upload("w-1", 1, 0), a_plug("p-1", 1, 0), an_upload("w-2", 1, 10)])
    assert state.forget_idle(LIMIT_MS) == 0, "exactly as long as the limit is not longer"
    taken_in(WASHER, state, [an_upload("w-2", 2, 10.01)])
    assert state.forget_idle(LIMIT_MS) == 2
    assert not knows(state, "w-1")
    assert not knows(state, "p-1")
    assert knows(state, "w-2")
    kept = {name: len(state.stores[name]) for name in ("devices", "sessions", "pieces", "awaited")}
    assert kept == {"devices": 1, "sessions": 2, "pieces": 0, "awaited": 0}


def test_a_device_with_an_open_session_stays() -> None:
    state = State(WASHER)
    taken_in(WASHER, state, [an_upload("w-1", 1, 0, cycle_ended=False), an_upload("w-2", 1, 900)])
    assert state.forget_idle(LIMIT_MS) == 0
    offline = an_upload("w-1", 2, 0, cycle_started_ms=NOON_MS) | {"sent_at_ms": NOON_MS + 901 * DAY_MS}
    closed = taken_in(WASHER, state, [offline])
    assert [session["status"] for outputs in closed for session in outputs.sessions] == ["closed"]
    taken_in(WASHER, state, [an_upload("w-2", 2, 2_000)])
    assert state.forget_idle(LIMIT_MS) == 1


def test_any_upload_counts_as_a_sign_of_life() -> None:
    state = State(WASHER)
    again = dict(an_upload("w-1", 1, 0)) | {"sent_at_ms": NOON_MS + 5 * DAY_MS}
    taken_in(WASHER, state, [an_upload("w-1", 1, 0), again, an_upload("w-2", 1, 12)])
    assert state.forget_idle(LIMIT_MS) == 0


def test_an_empty_state_has_nobody_to_forget() -> None:
    assert State(WASHER).forget_idle(LIMIT_MS) == 0


def test_a_device_of_unknown_age_counts_as_seen_with_the_newest_upload() -> None:
    state = State(WASHER)
    taken_in(WASHER, state, [an_upload("w-1", 1, 0), an_upload("w-2", 1, 20)])
    state.devices.store.values["received_ms"][state.devices.slot("w-1")] = 0  # as read from version 1
    assert state.forget_idle(LIMIT_MS) == 0
    taken_in(WASHER, state, [an_upload("w-2", 2, 29)])
    assert state.forget_idle(LIMIT_MS) == 0
    taken_in(WASHER, state, [an_upload("w-2", 3, 31)])
    assert state.forget_idle(LIMIT_MS) == 1
    assert not knows(state, "w-1")


def test_a_slot_used_again_knows_nothing_of_the_device_before() -> None:
    state = State(WASHER)
    taken_in(WASHER, state, [an_upload("w-1", 70, 0), a_plug("p-1", 1, 0), an_upload("w-2", 1, 20)])
    state.forget_idle(LIMIT_MS)
    said = taken_in(WASHER, state, [an_upload("w-3", 1, 20), a_plug("p-2", 1, 20), an_upload("w-1", 3, 20)])
    fresh = taken_in(WASHER, State(WASHER), [an_upload("w-3", 1, 20), a_plug("p-2", 1, 20), an_upload("w-1", 3, 20)])
    assert len(state.devices.store) == 4
    assert state.devices.store.rows().max() == 3, "slots were used again"
    assert told(said) == told(fresh)


def told(said: Sequence[Outputs], devices: set[str] | None = None) -> list[str]:
    """All that was said of some devices, in an order of its own."""
    rows = [row for outputs in said for row in [*outputs.receipts.to_pylist(), *outputs.readings.to_pylist()]]
    rows += [session for outputs in said for session in outputs.sessions]
    rows = [{name: value for name, value in row.items() if name != "offset"} for row in rows]
    failed = [(event.device_id, event.reason, event.original) for outputs in said for event in outputs.failed]
    known = [(str(row["device_id"]), str(row)) for row in rows] + [(str(event[0]), str(event)) for event in failed]
    return sorted(text for device, text in known if devices is None or device in devices)


@examples(3)
@given(seed=st.integers(0, 2**32), restarts=st.booleans())
def test_forgetting_changes_nothing_for_devices_that_are_not_idle(seed: int, restarts: bool) -> None:
    rng = Random(seed)
    uploads: list[Upload] = []
    heard_day: dict[str, float] = {}
    idle: set[str] = set()
    day, seqs = 0.0, dict.fromkeys([f"{kind}-{number}" for kind in "wp" for number in range(4)], 0)
    for _ in range(36):
        day += rng.choice([0.1, 0.5, 3.0, 6.0])
        device = rng.choice(list(seqs))
        if day - heard_day.setdefault(device, day) >= LIMIT_MS / DAY_MS:
            idle.add(device)
        heard_day[device] = day
        seqs[device] = max(0, seqs[device] + rng.choice([1, 1, 1, 2, 0, -1]))
        if device[0] == "p":
            uploads.append(a_plug(device, seqs[device], day))
        else:
            started_ms = NOON_MS + int((day - rng.choice([0, 0.1, 0.5])) * DAY_MS)
            ended = rng.random() < 0.5
            uploads.append(an_upload(device, seqs[device], day, cycle_started_ms=started_ms, cycle_ended=ended))

    keeping, forgetting, kept = State(WASHER), State(WASHER), dict[bytes, bytes]()
    all_kept, all_forgetting, forgotten = list[Outputs](), list[Outputs](), 0
    number = 0
    while number < len(uploads):
        batch = uploads[number : number + rng.choice([1, 1, 2, 3, 4])]
        number += len(batch)
        all_kept += taken_in(WASHER, keeping, batch)
        all_forgetting += taken_in(WASHER, forgetting, batch)
        for state in (keeping, forgetting):
            state.tidy()
        forgotten += forgetting.forget_idle(LIMIT_MS)
        kept.update(changes(forgetting, Position("id", number, number)))
        if restarts and rng.random() < 0.2:
            forgetting, _ = restored(WASHER, kept)
    event("forgot some" if forgotten else "forgot nobody")
    assert told(all_forgetting, seqs.keys() - idle) == told(all_kept, seqs.keys() - idle)
    assert len(forgetting.devices.store) <= len(keeping.devices.store)
    names = {forgetting.devices.name(int(slot)) for slot in forgetting.devices.store.rows()}
    for store in (forgetting.sessions, forgetting.pieces.store):
        owners = np.unique(store.values["slot"][store.rows()])
        assert {forgetting.devices.name(int(slot)) for slot in owners} <= names, "nothing speaks of a free slot"


@pytest.mark.parametrize("name", ["w-1", "d" * 64])
def test_names_up_to_the_longest_are_found(name: str) -> None:
    state = State(WASHER)
    taken_in(WASHER, state, [an_upload(name, 1, 0)])
    assert knows(state, name)
    assert not knows(state, name + "x")
    assert not knows(state, name[:-1])
