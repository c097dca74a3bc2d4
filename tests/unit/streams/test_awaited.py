"""A refused upload may come back repaired, however late, once."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from aiokafka import ConsumerRecord

from schemas.failures import FailedEvent
from streams.awaited import ANY_SESSION, AWAITED_MS, MOST_OF_A_DEVICE
from streams.batch import Batch, Outputs, Place
from streams.decode import Decoder
from streams.dedupe import WINDOW
from streams.intake import taken_in as taken_from_kafka
from streams.memory import Position, changes, restored
from streams.product import WASHER
from streams.state import State
from streams.step import step
from tests.unit.streams.building import (
    MINUTE_MS,
    NOON_MS,
    Upload,
    a_batch,
    a_plug_upload,
    a_washer_upload,
    encoded,
    newest_sessions,
    taken_in,
)

TOO_HOT_C = 120.0


def part(seq: int, cycle: int = 0, **fields: Any) -> dict[str, Any]:
    """An upload of the cycle with that number, at a time of its own."""
    started_ms = NOON_MS + cycle * 30 * MINUTE_MS
    at_ms = started_ms + seq * 1_000
    return a_washer_upload(
        seq=seq, start_ms=at_ms, sent_at_ms=at_ms + 2_000, cycle_no=cycle + 1, cycle_started_ms=started_ms, **fields
    )


def spoiled(upload: Upload) -> dict[str, Any]:
    return dict(upload) | {"temperature_c": [TOO_HOT_C, None]}


def reasons(said: list[Outputs]) -> list[str]:
    return [event.reason for outputs in said for event in outputs.failed]


def long_after(first: int) -> list[Upload]:
    """So many uploads of later cycles that dedup has forgotten what was before."""
    return [part(first + number, 1 + number // 10, cycle_ended=number % 10 == 9) for number in range(100)]


def test_a_repaired_upload_corrects_its_session_long_after_and_only_once() -> None:
    state = State(WASHER)
    said = taken_in(WASHER, state, [part(1), spoiled(part(2)), part(3, cycle_ended=True)])
    assert reasons(said) == ["out_of_physics"]
    said += taken_in(WASHER, state, long_after(4), [20] * 5)
    state.tidy()
    before = newest_sessions(said)[f"w-1:{NOON_MS}"]
    said += taken_in(WASHER, state, [part(2), part(2)], [1, 1])
    after = newest_sessions(said)[f"w-1:{NOON_MS}"]
    assert (before["reading_count"], after["reading_count"], after["status"]) == (4, 6, "corrected")
    assert reasons(said[-2:]) == ["late"], "the second time it is late as ever"
    assert [row["outcome"] for row in said[-2].receipts.to_pylist()] == ["accepted"]


def test_it_may_come_back_after_a_restart() -> None:
    state = State(WASHER)
    said = taken_in(WASHER, state, [part(1), spoiled(part(2)), part(3, cycle_ended=True), *long_after(4)])
    state.tidy()
    again, _ = restored(WASHER, dict(changes(state, Position("t", 1, 1))))
    said += taken_in(WASHER, again, [part(2)])
    assert newest_sessions(said)[f"w-1:{NOON_MS}"]["reading_count"] == 6


def test_a_number_that_came_meanwhile_is_waited_for_no_longer() -> None:
    state = State(WASHER)
    taken_in(WASHER, state, [part(1), spoiled(part(2)), part(2), part(3, cycle_ended=True), *long_after(4)])
    assert len(state.awaited) == 0
    assert reasons(taken_in(WASHER, state, [part(2)])) == ["late"]


def test_a_broken_copy_of_what_was_accepted_opens_no_door() -> None:
    for sizes in ([], [1] * 4):
        state = State(WASHER)
        taken_in(WASHER, state, [part(1), part(2), spoiled(part(2)), part(3, cycle_ended=True)], sizes)
        taken_in(WASHER, state, [*long_after(4), spoiled(part(2)), part(2)], sizes)
        assert len(state.awaited) == 0


def test_a_device_all_of_whose_uploads_were_refused_may_come_back() -> None:
    state = State(WASHER)
    said = taken_in(WASHER, state, [spoiled(part(1)), spoiled(part(2, cycle_ended=True))])
    said += taken_in(WASHER, state, [*long_after(3), part(1), part(2, cycle_ended=True)])
    assert newest_sessions(said)[f"w-1:{NOON_MS}"]["reading_count"] == 4


def test_what_came_late_or_under_anothers_name_or_as_a_power_curve_is_not_waited_for() -> None:
    state = State(WASHER)
    taken_in(WASHER, state, [*long_after(4), part(1), part(103, power_w=[5.0, 5.0])])
    batch = a_batch(WASHER, [part(300)], key=["w-2"])
    step(WASHER, state, batch)
    taken_in(WASHER, state, [a_plug_upload(seq=5, power_w=[9_999.0, 9_999.0])])
    assert len(state.awaited) == 0


@pytest.mark.parametrize("sizes", [[], [1, 1, 1, *[20] * 5, 1, 1]])
def test_it_may_even_come_back_in_the_batch_in_which_it_was_refused(sizes: list[int]) -> None:
    uploads = [part(1), spoiled(part(2)), part(3, cycle_ended=True), *long_after(4), part(2), part(2)]
    state = State(WASHER)
    said = taken_in(WASHER, state, uploads, sizes)
    assert reasons(said) == ["out_of_physics", "late"]
    assert newest_sessions(said)[f"w-1:{NOON_MS}"]["reading_count"] == 6


def test_a_repair_that_names_another_session_comes_too_late_for_it() -> None:
    """What the state knew of that session may be forgotten: it would begin anew."""
    state = State(WASHER)
    said = taken_in(WASHER, state, [part(1), part(2, cycle_ended=True), spoiled(part(3, 1)), *long_after(4)])
    state.tidy()
    said += taken_in(WASHER, state, [part(3)])
    assert reasons(said) == ["out_of_physics", "late"]
    said += taken_in(WASHER, state, [part(3, 1)])
    assert reasons(said) == ["out_of_physics", "late"], "under its own session it is still waited for"


def test_what_was_refused_with_its_number_in_quotes_or_a_clock_ahead_may_come_back_too() -> None:
    soon_ms = NOON_MS + 12 * 60 * MINUTE_MS
    ahead = part(3, cycle_ended=True) | {"cycle_started_ms": soon_ms, "start_ms": soon_ms, "sent_at_ms": NOON_MS}
    quoted = encoded(spoiled(part(2))).replace(b'"seq": 2', b'"seq": "2"')
    batch, refused = intake(quoted, encoded({**ahead, "power_w": "x"}))
    state = State(WASHER)
    step(WASHER, state, batch, refused)
    assert len(state.awaited) == 2


def intake(*values: bytes) -> tuple[Batch, list[FailedEvent]]:
    records = [ConsumerRecord("t", 0, at, NOON_MS, 1, b"w-1", value, None, 0, 0, ()) for at, value in enumerate(values)]
    return taken_from_kafka(Decoder(WASHER.versions), Place("t", 0), records)


@pytest.mark.parametrize(("ahead", "label_ms"), [(WINDOW - 1, NOON_MS), (WINDOW, ANY_SESSION)])
def test_a_refused_number_that_dedup_no_longer_reached_is_waited_for_as_any_that_never_came(
    ahead: int, label_ms: int
) -> None:
    for sizes in ([], [1, 1, 1]):
        state = State(WASHER)
        taken_in(WASHER, state, [part(1), part(2 + ahead), spoiled(part(2))], sizes)
        store = state.stores["awaited"]
        assert store.values["label_ms"][store.rows()].tolist() == [label_ms]


def test_of_a_device_that_is_forgotten_nothing_is_waited_for() -> None:
    state = State(WASHER)
    taken_in(WASHER, state, [part(1), spoiled(part(2)), part(3, cycle_ended=True)])
    later = part(9, 0, device_id="w-2") | {"sent_at_ms": NOON_MS + 20 * 86_400_000}
    taken_in(WASHER, state, [later])
    assert state.forget_idle(10 * 86_400_000) == 1
    assert len(state.awaited) == 0


def test_nobody_waits_for_ever() -> None:
    state = State(WASHER)
    taken_in(WASHER, state, [part(1), spoiled(part(2)), part(3, cycle_ended=True)])
    state.tidy()
    assert len(state.awaited) == 1
    state.received(np.array([NOON_MS + AWAITED_MS + 60 * MINUTE_MS]))
    state.tidy()
    assert len(state.awaited) == 0


def test_of_one_device_only_so_many_are_waited_for() -> None:
    state = State(WASHER)
    taken_in(WASHER, state, [spoiled(part(number)) for number in range(MOST_OF_A_DEVICE + 10)])
    assert len(state.awaited) == MOST_OF_A_DEVICE
