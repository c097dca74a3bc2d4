"""What the stream says of uploads that name their sessions, for both products, however they arrive."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.facts import Receipt, Run, Session, WashCycle
from streams.batch import Outputs
from streams.dedupe import WINDOW
from streams.desk.register import NOTHING
from streams.memory import Position, changes, restored
from streams.product import SHOE, WASHER, Product
from streams.reported import fields
from streams.state import State
from streams.step import step
from tests.unit.examples import examples
from tests.unit.streams.arrivals import WORDS, a_cut, arriving, some_uploads
from tests.unit.streams.building import (
    MINUTE_MS,
    NOON_MS,
    PRODUCTS,
    Upload,
    a_batch,
    a_shoe_upload,
    a_washer_upload,
    encoded,
    newest_sessions,
    taken_in,
)
from tests.unit.streams.oracle import Oracle, closely

BUILDERS = {"washer": a_washer_upload, "shoe": a_shoe_upload}
SEEDS = st.integers(0, 2**32)


def with_restarts(product: Product, rng: Random, uploads: Sequence[Upload]) -> list[Outputs]:
    """What is said when every batch ends in a checkpoint, and a new process goes on from some of them."""
    state, records, said, offset = State(product), dict[bytes, bytes](), [], 0
    for checkpoint, size in enumerate([*a_cut(rng, len(uploads)), len(uploads)], 1):
        said.append(step(product, state, a_batch(product, uploads[offset : offset + size], offset)))
        offset = min(offset + size, len(uploads))
        state.tidy()
        records.update(changes(state, Position("topic", offset, checkpoint)))
        if rng.random() < 0.3:
            state, position = restored(product, records)
            assert position == Position("topic", offset, checkpoint)
    return said


def finished(said: Sequence[Outputs]) -> dict[str, dict[str, Any]]:
    """The newest versions of all sessions that are over, and the ids of the others: those wait to be told.

    What changed since the version before depends on which versions were written.
    """
    return {
        session_id: {name: value for name, value in session.items() if not name.startswith("changed_")}
        if session["status"] != "open"
        else {}
        for session_id, session in newest_sessions(said).items()
    }


def receipts(said: Sequence[Outputs]) -> list[dict[str, Any]]:
    return [row for outputs in said for row in outputs.receipts.to_pylist()]


def readings(said: Sequence[Outputs]) -> list[dict[str, Any]]:
    return [row for outputs in said for row in outputs.readings.to_pylist()]


@pytest.mark.parametrize("name", PRODUCTS)
@examples(3)
@given(seed=SEEDS)
def test_any_cut_with_restarts_in_between_says_the_same(name: str, seed: int) -> None:
    rng, product = Random(seed), PRODUCTS[name]
    uploads = arriving(rng, some_uploads(rng, WORDS[name]))
    whole = taken_in(product, State(product), uploads)
    said = with_restarts(product, rng, uploads)
    assert receipts(said) == receipts(whole)
    assert readings(said) == readings(whole)
    assert finished(said) == finished(whole)


@pytest.mark.parametrize("name", PRODUCTS)
@examples(3)
@given(seed=SEEDS)
def test_sessions_equal_a_plain_loop_over_the_uploads_in_any_order(name: str, seed: int) -> None:
    rng, product = Random(seed), PRODUCTS[name]
    in_order = some_uploads(rng, WORDS[name])
    expected = Oracle(WORDS[name], in_order).sessions()
    for uploads in (in_order, arriving(rng, in_order)):
        found = finished(taken_in(product, State(product), uploads, a_cut(rng, len(uploads))))
        assert found.keys() == expected.keys()
        for session_id, session in found.items():
            # The last session of each device has its last upload, so all of them are over.
            assert closely(session, expected[session_id]), session_id


@pytest.mark.parametrize("name", PRODUCTS)
@examples(2)
@given(seed=SEEDS)
def test_every_upload_is_accepted_a_duplicate_or_failed(name: str, seed: int) -> None:
    rng, product = Random(seed), PRODUCTS[name]
    uploads = arriving(rng, some_uploads(rng, WORDS[name], devices=1, sessions=40), reach=2 * WINDOW)
    said = taken_in(product, State(product), uploads, a_cut(rng, len(uploads) // 3))
    places = [row["offset"] for row in receipts(said)] + [event.offset for outputs in said for event in outputs.failed]
    assert sorted(places) == list(range(len(uploads)))
    failed = {event.offset: event for outputs in said for event in outputs.failed}
    assert all(event.reason == "late" and event.original == encoded(uploads[at]) for at, event in failed.items())
    accepted = [(row["device_id"], row["seq"]) for row in receipts(said) if row["outcome"] == "accepted"]
    assert len(set(accepted)) == len(accepted)
    count = sum(row["reading_count"] for row in receipts(said) if row["outcome"] == "accepted")
    assert len(readings(said)) == count


@examples(3)
@given(seed=SEEDS)
def test_the_readings_of_a_cycle_sum_to_its_energy(seed: int) -> None:
    rng = Random(seed)
    uploads = arriving(rng, some_uploads(rng, "cycle"))
    said = taken_in(WASHER, State(WASHER), uploads)
    sums: dict[tuple[str, int], float] = {}
    for reading in readings(said):
        key = reading["device_id"], reading["session_no"]
        sums[key] = sums.get(key, 0.0) + reading["energy_wh"]
    for session in newest_sessions(said).values():
        assert session["energy_wh"] == pytest.approx(sums.get((session["device_id"], session["session_no"]), 0.0))


def test_a_receipt_says_where_an_upload_came_from_and_what_its_device_counted() -> None:
    (outputs,) = taken_in(WASHER, State(WASHER), [a_washer_upload()])
    (row,) = outputs.receipts.to_pylist()
    Receipt.model_validate(row)
    assert (row["topic"], row["partition"], row["offset"]) == (WASHER.telemetry, 0, 0)
    assert (row["lifetime_sessions"], row["lifetime_energy_wh"], row["lifetime_steps"]) == (7, 70.5, None)


@pytest.mark.parametrize("name", PRODUCTS)
def test_a_duplicate_leaves_a_receipt_and_nothing_else(name: str) -> None:
    product, upload = PRODUCTS[name], BUILDERS[name]()
    state = State(product)
    first, second = taken_in(product, state, [upload, upload], [1, 1])
    assert [row["outcome"] for row in receipts([first, second])] == ["accepted", "duplicate"]
    assert (len(second.readings), second.sessions, second.failed) == (0, [], [])


@pytest.mark.parametrize("name", PRODUCTS)
def test_an_empty_batch_says_nothing(name: str) -> None:
    product = PRODUCTS[name]
    outputs = step(product, State(product), a_batch(product, []))
    assert (len(outputs.receipts), len(outputs.readings), outputs.sessions, outputs.failed) == (0, 0, [], [])


@pytest.mark.parametrize("name", PRODUCTS)
def test_an_upload_without_readings_may_end_a_session(name: str) -> None:
    """A last upload often says no more than that it is the last."""
    product, word = PRODUCTS[name], WORDS[name]
    empty: dict[str, Any] = {field: [] for field, value in BUILDERS[name]().items() if isinstance(value, list)}
    uploads = [BUILDERS[name](), BUILDERS[name](seq=2, **empty, **{f"{word}_ended": True})]
    for sizes in ([2], [1, 1]):
        (session,) = newest_sessions(taken_in(product, State(product), uploads, sizes)).values()
        assert (session["status"], session["reading_count"], session["version"]) == ("closed", 2, 3)
        assert session["ended_at_ms"] == NOON_MS + 1_000


@pytest.mark.parametrize("key", ["w-2", None, "w" * 900_000, "\ud7ff\x00"])
def test_an_upload_under_another_devices_key_fails(key: str | None) -> None:
    batch = a_batch(WASHER, [a_washer_upload(), a_washer_upload(seq=2)], key=[key, "w-1"])
    outputs = step(WASHER, State(WASHER), batch)
    (event,) = outputs.failed
    assert (event.reason, event.offset, event.original) == ("wrong_key", 0, encoded(a_washer_upload()))
    assert "device_id" in event.detail
    assert not {"w-1", "w-2"} & {*event.detail.split(), event.found, event.accepted}, "a name may be a person's"
    assert len(event.detail.encode()) < 1_000
    assert [row["seq"] for row in outputs.receipts.to_pylist()] == [2]


@pytest.mark.parametrize("name", PRODUCTS)
@pytest.mark.parametrize("field", ["start_ms", "sent_at_ms", "offset_ms", "started_ms"])
def test_an_upload_from_the_day_after_tomorrow_fails(name: str, field: str) -> None:
    product, builder = PRODUCTS[name], BUILDERS[name]
    late_ms = NOON_MS + 2 * 86_400_000
    fields: dict[str, dict[str, Any]] = {
        "start_ms": {"start_ms": late_ms},
        "sent_at_ms": {"sent_at_ms": late_ms},
        "offset_ms": {"start_ms": NOON_MS + 80_000_000, "offset_ms": [0, 80_000_000]},
        "started_ms": {f"{WORDS[name]}_started_ms": late_ms},
    }
    batch = a_batch(product, [builder(), builder(seq=2, **fields[field]), builder(seq=3)])
    batch.received_at_ms[:] = NOON_MS + 3_000
    outputs = step(product, State(product), batch)
    assert [(event.offset, event.reason) for event in outputs.failed] == [(1, "time_out_of_bounds")]
    assert [row["seq"] for row in outputs.receipts.to_pylist()] == [1, 3]


def test_an_upload_behind_the_window_fails_as_late_with_its_bytes() -> None:
    old = a_washer_upload(seq=100 - WINDOW)
    said = taken_in(WASHER, State(WASHER), [a_washer_upload(seq=100), old, a_washer_upload(seq=101 - WINDOW)])
    (event,) = said[0].failed
    assert (event.reason, event.offset, event.original, event.device_id) == ("late", 1, encoded(old), "w-1")
    assert f"{WINDOW} behind" in event.detail


def test_health_values_are_null_without_consent() -> None:
    said = taken_in(SHOE, State(SHOE), [a_shoe_upload(), a_shoe_upload(seq=2, health_consent=False, run_ended=True,
                                                                       heart_rate_bpm=[200.0, 210.0])])  # fmt: skip
    agreed, refused = readings(said)[:2], readings(said)[2:]
    assert [row["heart_rate_bpm"] for row in agreed] == [140.0, 150.0]
    assert {row[name] for row in refused for name in ("heart_rate_bpm", "ground_contact_ms")} == {None}
    assert [row["cadence_spm"] for row in refused] == [170.0, None]
    (run,) = newest_sessions(said).values()
    assert (run["max_heart_rate_bpm"], run["avg_heart_rate_bpm"]) == (150.0, 145.0)


def test_a_runner_who_never_agreed_leaves_no_health_value() -> None:
    (run,) = newest_sessions(taken_in(SHOE, State(SHOE), [a_shoe_upload(health_consent=False)])).values()
    assert [run[name] for name in ("avg_heart_rate_bpm", "max_heart_rate_bpm", "avg_ground_contact_ms")] == [None] * 3


def a_part(seq: int, started_ms: int | None, ended: bool = False) -> Upload:
    """One upload of cycle A, B, ... named by its start; None: outside any cycle."""
    number = None if started_ms is None else (started_ms - NOON_MS) // MINUTE_MS + 1
    at_ms = started_ms or NOON_MS
    return a_washer_upload(
        seq=seq, start_ms=at_ms, sent_at_ms=at_ms + 2_000, cycle_started_ms=started_ms, cycle_no=number,
        cycle_ended=ended,
    )  # fmt: skip


A, B = NOON_MS, NOON_MS + MINUTE_MS

ENDINGS: dict[str, tuple[list[Upload], list[str]]] = {
    # uploads as they arrive, status of each session by start
    "it goes on": ([a_part(1, A), a_part(2, A)], ["open"]),
    "its last upload came": ([a_part(1, A), a_part(2, A, True)], ["closed"]),
    "its last upload came before another of it": ([a_part(2, A, True), a_part(1, A)], ["corrected"]),
    "the next one began": ([a_part(1, A), a_part(2, B)], ["closed", "open"]),
    "the device is idle": ([a_part(1, A), a_part(2, None)], ["closed"]),
    "the next one came first": ([a_part(2, B), a_part(1, A)], ["closed", "open"]),
    "a part came after the next one began": ([a_part(1, A), a_part(3, B), a_part(2, A)], ["corrected", "open"]),
    "two parts came after the next one began": ([a_part(3, B), a_part(2, A), a_part(1, A)], ["corrected", "open"]),
    "a gap was filled while it goes on": ([a_part(1, A), a_part(3, A), a_part(2, A)], ["open"]),
}


@pytest.mark.parametrize("case", ENDINGS)
def test_a_session_is_over_when(case: str) -> None:
    uploads, expected = ENDINGS[case]
    for sizes in ([], [1] * len(uploads), [1], [2]):
        state = State(WASHER)
        taken_in(WASHER, state, uploads, sizes)
        rows = state.sessions.rows()
        live = [
            WASHER.fact(fields(row), "w-1", "x", NOTHING)
            for row in state.sessions.values[rows[rows.argsort()]]
            if row["uploads"]
        ]
        assert [fact["status"] for fact in sorted(live, key=lambda fact: str(fact["started_at_ms"]))] == expected


def test_an_open_session_is_told_once_and_a_closed_one_whenever_it_changes() -> None:
    uploads = [a_part(1, A), a_part(2, A), a_part(4, A, True), a_part(3, A)]
    said = taken_in(WASHER, State(WASHER), uploads, [1] * 4)
    told = [(session["version"], session["status"]) for outputs in said for session in outputs.sessions]
    assert told == [(1, "open"), (4, "closed"), (5, "corrected")]


@pytest.mark.parametrize("name", PRODUCTS)
@examples(3)
@given(seed=SEEDS)
def test_what_is_told_of_a_session_is_what_its_contract_says_no_field_more_or_less(name: str, seed: int) -> None:
    """The stream writes it without asking the contract, which takes longer than all the rest."""
    rng, product = Random(seed), PRODUCTS[name]
    contract: type[Session] = WashCycle if name == "washer" else Run
    for outputs in taken_in(product, State(product), arriving(rng, some_uploads(rng, WORDS[name]))):
        for session in outputs.sessions:
            assert contract.model_validate(session, strict=True).model_dump() == session


@pytest.mark.parametrize("name", PRODUCTS)
@examples(3)
@given(seed=SEEDS)
def test_the_differences_that_versions_state_add_up_to_the_newest(name: str, seed: int) -> None:
    rng, product = Random(seed), PRODUCTS[name]
    uploads = arriving(rng, some_uploads(rng, WORDS[name]))
    amount = {"washer": "energy_wh", "shoe": "distance_m"}[name]
    first: dict[str, dict[str, Any]] = {}
    since: dict[str, list[dict[str, Any]]] = {}
    for outputs in with_restarts(product, rng, uploads):
        for session in outputs.sessions:
            session_id = str(session["session_id"])
            if session_id not in first:
                assert session["changed_readings"] is None
                first[session_id] = session
            else:
                since.setdefault(session_id, []).append(session)
    for session_id, versions in since.items():
        start, end = first[session_id], versions[-1]
        for field, change in (
            ("reading_count", "changed_readings"),
            ("ended_at_ms", "changed_end_ms"),
            (amount, "changed_amount"),
        ):
            assert start[field] + sum(version[change] for version in versions) == pytest.approx(end[field])


def test_sessions_beyond_the_window_leave_the_state() -> None:
    state = State(WASHER)
    for first in range(0, 64, 4):
        uploads = [
            a_part(2 * number + is_last, A + number * MINUTE_MS, bool(is_last))
            for number in range(first, first + 4)
            for is_last in (0, 1)
        ]
        taken_in(WASHER, state, uploads)
        state.tidy()
    assert len(state.sessions) <= WINDOW
    assert len(state.devices.store) == 1
    assert len(state.sessions.values) == 256, "rows given back are used again"
