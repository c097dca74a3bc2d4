"""A number that never came is waited for, and taken once, however late it comes within a week."""

from __future__ import annotations

from collections import Counter
from itertools import count
from random import Random
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.awaited import AWAITED, AWAITED_MS, Awaited, settle
from streams.batch import Outputs
from streams.dedupe import NEVER, WINDOW, Verdict
from streams.devices import DEVICE, Devices
from streams.holes import MOST_HOLES
from streams.memory import Position, changes, restored
from streams.product import WASHER, Product
from streams.state import State
from streams.store import Store
from tests.unit.examples import examples
from tests.unit.streams.building import (
    MINUTE_MS,
    NOON_MS,
    PRODUCTS,
    Upload,
    a_batch,
    a_plug_upload,
    a_shoe_upload,
    a_washer_upload,
    newest_sessions,
    taken_in,
)
from tests.unit.streams.oracle import Oracle, closely
from tests.unit.streams.test_awaited import part, reasons, spoiled

PER_SESSION = 10


def life(first: int, end: int) -> list[Upload]:
    """Uploads [first, end) of a machine whose cycles take ten numbers each."""
    return [
        part(seq, seq // PER_SESSION, cycle_ended=seq % PER_SESSION == PER_SESSION - 1) for seq in range(first, end)
    ]


def outcomes(said: list[Outputs]) -> Counter[str]:
    return Counter(row["outcome"] for outputs in said for row in outputs.receipts.to_pylist())


def restarted(product: Product, state: State) -> State:
    state.tidy()
    again, _ = restored(product, dict(changes(state, Position("t", 1, 1))))
    return again


def test_what_comes_five_hundred_numbers_later_is_taken_once_and_corrects_its_session() -> None:
    uploads = life(0, 600)
    state = State(WASHER)
    said = taken_in(WASHER, state, uploads[:95] + uploads[96:], [50] * 11)
    state.tidy()
    session_id = f"w-1:{uploads[95]['cycle_started_ms']}"
    assert newest_sessions(said)[session_id]["reading_count"] == 2 * (PER_SESSION - 1)
    said += taken_in(WASHER, restarted(WASHER, state), [uploads[95], uploads[95]])
    session = newest_sessions(said)[session_id]
    assert (session["reading_count"], session["status"]) == (2 * PER_SESSION, "corrected")
    assert outcomes(said) == {"accepted": 600}
    assert reasons(said) == ["late"], "the copy"


def test_a_whole_cycle_that_was_lost_may_come_back() -> None:
    uploads = life(0, 300)
    lost, told = uploads[100:110], uploads[:100] + uploads[110:]
    state = State(WASHER)
    said = taken_in(WASHER, state, told, [100] * 3)
    state.tidy()
    said += taken_in(WASHER, state, lost[::-1], [1] * 10)
    session = newest_sessions(said)[f"w-1:{lost[0]['cycle_started_ms']}"]
    assert (session["reading_count"], session["status"]) == (2 * PER_SESSION, "corrected")


def test_sessions_since_the_lowest_hole_stay_in_the_state_and_leave_it_with_the_hole() -> None:
    uploads = life(0, 400)
    state = State(WASHER)
    taken_in(WASHER, state, uploads[:205] + uploads[206:], [10] * 40)
    state.tidy()
    assert sorted(state.sessions.values["session_no"][state.sessions.rows()]) == list(range(20, 41))
    taken_in(WASHER, state, [uploads[205]])
    state.tidy()
    assert len(state.sessions) <= WINDOW // PER_SESSION + 3
    assert len(state.awaited) == 0


def test_after_a_week_of_kafkas_time_it_is_refused() -> None:
    uploads = life(0, 200)
    state = State(WASHER)
    taken_in(WASHER, state, uploads[:5] + uploads[6:])
    assert len(state.awaited) == 1
    state.received(np.array([NOON_MS + AWAITED_MS + 600 * MINUTE_MS]))
    state.tidy()
    assert len(state.awaited) == 0
    assert reasons(taken_in(WASHER, state, [uploads[5]])) == ["late"]


@pytest.mark.parametrize("sizes", [[], [7] * 29])
def test_nobody_waits_for_what_came_before_a_devices_first_number(sizes: list[int]) -> None:
    state = State(WASHER)
    said = taken_in(WASHER, state, life(1_000, 1_200), sizes)
    assert len(state.awaited) == 0
    assert reasons(said) == []


@pytest.mark.parametrize("sizes", [[], [1, 1, 1]])
def test_after_a_jump_the_nearest_numbers_are_waited_for(sizes: list[int]) -> None:
    state = State(WASHER)
    taken_in(WASHER, state, [part(1), part(10_000), part(10_001)], sizes)
    numbers = state.stores["awaited"].values["seq"][state.stores["awaited"].rows()]
    end = 10_001 - WINDOW + 1
    assert sorted(numbers) == list(range(end - MOST_HOLES, end))


def test_a_power_curve_never_comes_late() -> None:
    uploads = [
        a_plug_upload(seq=seq, start_ms=NOON_MS + seq * MINUTE_MS, sent_at_ms=NOON_MS + seq * MINUTE_MS + 2_000)
        for seq in range(200)
    ]
    state = State(WASHER)
    taken_in(WASHER, state, uploads[:5] + uploads[6:])
    assert reasons(taken_in(WASHER, state, [uploads[5]])) == ["late"]


def test_the_number_of_a_refused_upload_stays_tied_to_its_session() -> None:
    for sizes in ([], [10] * 31):
        uploads = life(0, 300)
        state = State(WASHER)
        said = taken_in(WASHER, state, [*uploads[:5], spoiled(uploads[5]), *uploads[6:], part(5, 3)], sizes)
        assert reasons(said) == ["out_of_physics", "late"]
        assert reasons(taken_in(WASHER, state, [uploads[5]])) == []


def test_of_a_state_of_before_there_were_holes_nothing_below_its_newest_number_is_waited_for() -> None:
    uploads = life(0, 300)
    state = State(WASHER)
    taken_in(WASHER, state, uploads[:50] + uploads[60:100])
    state.devices.store.values["known_from"] = 0
    taken_in(WASHER, state, uploads[100:150] + uploads[151:])
    assert state.stores["awaited"].values["seq"][state.stores["awaited"].rows()].tolist() == [150]


@pytest.mark.parametrize("word", PRODUCTS)
@given(seed=st.integers(0, 2**32))
@examples(5)
def test_any_order_of_arrival_ends_in_the_same_sessions(word: str, seed: int) -> None:
    rng, product = Random(seed), PRODUCTS[word]
    uploads = sessions_of(word, rng)
    arriving = uploads[:1] + sorted(uploads[1:], key=lambda _: rng.random())
    arriving += rng.sample(uploads, 20)
    state, said = State(product), []
    records: dict[bytes, bytes] = {}
    for checkpoint in count(1):
        size = rng.choice([1, 20, 60])
        said += taken_in(product, state, arriving[:size])
        arriving = arriving[size:]
        state.tidy()
        records.update(changes(state, Position("t", 1, checkpoint)))
        if rng.random() < 0.3:
            state, _ = restored(product, records)
        if not arriving:
            break
    assert outcomes(said)["accepted"] == len(uploads)
    found = newest_sessions(said)
    expected = Oracle({"washer": "cycle", "shoe": "run"}[word], uploads).sessions()
    assert found.keys() == expected.keys()
    for session_id, session in expected.items():
        assert closely(found[session_id], session)


def sessions_of(word: str, rng: Random) -> list[Upload]:
    """Some two hundred uploads of a device, sessions of up to thirty and what it says between them."""
    name, make = {"washer": ("cycle", a_washer_upload), "shoe": ("run", a_shoe_upload)}[word]
    uploads: list[Upload] = []
    session = 0
    while len(uploads) < 200:
        session += 1
        parts = rng.choice([1, 4, 12, 30])
        started_ms = NOON_MS + (len(uploads) + 1) * MINUTE_MS
        for number in range(parts + 1):
            is_part = number < parts
            at_ms = NOON_MS + (len(uploads) + 2) * MINUTE_MS
            fields: dict[str, Any] = {
                "device_id": "d-1",
                "seq": len(uploads),
                "start_ms": at_ms,
                "sent_at_ms": at_ms + 2_000,
                f"{name}_no": session if is_part else None,
                f"{name}_started_ms": started_ms if is_part else None,
                f"{name}_ended": number == parts - 1,
            }
            if not is_part:
                channels = ("offset_ms", "power_w", "water_l", "temperature_c", "distance_m", "cadence_spm",
                            "heart_rate_bpm", "ground_contact_ms")  # fmt: skip
                fields |= {channel: [] for channel in channels if make().get(channel) is not None}
                fields |= {"programme": None} if word == "washer" else {}
            elif word == "shoe":
                fields["distance_m"] = [100.0 * number + 3, 100.0 * number + 6]
            uploads.append(make(**fields))
    return uploads


@given(seed=st.integers(0, 2**32))
@examples(25)
def test_what_is_waited_for_is_what_a_set_of_numbers_says(seed: int) -> None:
    rng, devices = Random(seed), 3
    store, awaited = Store(DEVICE), Awaited(Store(AWAITED))
    known = Devices(store)
    store.values["newest"][store.take(devices)] = NEVER
    seen: list[set[int]] = [set() for _ in range(devices)]
    missing: list[set[int]] = [set() for _ in range(devices)]
    at = [rng.randrange(100) for _ in range(devices)]
    for _ in range(rng.randrange(1, 8)):
        uploads = []
        for _ in range(rng.choice([1, 5, 60, 300])):
            own = rng.randrange(devices)
            at[own] += rng.choice([1, 1, 1, 1, 1, 2, 3, *[70] * (rng.random() < 0.05)])
            uploads.append((own, at[own] if rng.random() < 0.85 else max(0, at[own] - rng.randrange(200))))
        slot, seq = (np.array(column, dtype=np.int64) for column in zip(*uploads, strict=True))
        nothing = np.zeros(len(slot), dtype=np.int64)
        judged = known.judge(slot, seq, nothing, nothing, np.ones(len(slot), dtype=np.uint16))
        holes = known.holes(judged, slot, seq, nothing)
        settle(awaited, [], holes, slot, seq, nothing, nothing, judged.verdict)
        expected = [took(seen[own], missing[own], number) for own, number in uploads]
        assert (judged.verdict == Verdict.ACCEPTED).tolist() == expected
        if max(map(len, missing)) > MOST_HOLES:
            return
        assert len(awaited) == sum(map(len, missing))


def took(seen: set[int], missing: set[int], number: int) -> bool:
    """Whether an upload is taken, and what is missing beyond dedup's window from then on."""
    newest = max(seen, default=number - 1)
    is_near = number > newest - WINDOW
    if number in seen or not (is_near or number in missing):
        return False
    seen.add(number)
    missing.discard(number)
    missing.update(set(range(max(min(seen), newest - WINDOW + 1), number - WINDOW + 1)) - seen)
    return True


def test_batches_of_building_say_when_they_came() -> None:
    """The property above means nothing if all uploads came at the same time."""
    assert len(set(a_batch(WASHER, life(0, 5)).received_at_ms.tolist())) == 5
