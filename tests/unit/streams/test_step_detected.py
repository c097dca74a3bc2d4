"""Wash cycles that no device reports: what the step keeps, says and forgets of a plug meter's power curve.

A curve is drawn, one letter a minute of six readings: `.` standby of 2 W   `m` motor, 200 W   `H` heater, 2,000 W
`j` one jog of the drum (first 10 s)   ` ` silence: no readings.
"""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.fields import EARLIEST_MS
from streams.batch import Outputs
from streams.dedupe import WINDOW
from streams.memory import Position, changes, restored
from streams.pieces import MANY_PIECES, MOST_PIECES
from streams.product import WASHER
from streams.state import State
from tests.unit.examples import examples
from tests.unit.streams.building import MINUTE_MS, NOON_MS, Upload, a_plug_upload, newest_sessions, taken_in

STEP_MS = 10_000
WATTS = {".": [2.0] * 6, "m": [200.0] * 6, "H": [2_000.0] * 6, "j": [100.0, 2.0, 2.0, 2.0, 2.0, 2.0]}
QUIET = "." * 20
ONE = "mmHHHmmm.mmm"
"""A wash cycle of twelve minutes."""


def uploads_of(drawn: str, minutes: int = 4, device_id: str = "p-1", first_seq: int = 0) -> list[Upload]:
    """Uploads of so many minutes each, numbered in the order of time; nothing is sent of a silence."""
    uploads: list[Upload] = []
    for start in range(0, len(drawn), minutes):
        start_ms = NOON_MS + start * MINUTE_MS
        watts = [
            (minute * MINUTE_MS + step * STEP_MS, power_w)
            for minute, letter in enumerate(drawn[start : start + minutes])
            for step, power_w in enumerate(WATTS.get(letter, []), 1)
        ]
        if watts:
            uploads.append(
                a_plug_upload(
                    device_id=device_id, seq=first_seq + len(uploads), start_ms=start_ms, lead_ms=STEP_MS,
                    sent_at_ms=start_ms + minutes * MINUTE_MS, offset_ms=[at for at, _ in watts],
                    power_w=[power_w for _, power_w in watts],
                )
            )  # fmt: skip
    return uploads


def cycles(said: Sequence[Outputs]) -> list[dict[str, Any]]:
    """Newest versions of the cycles that are some, by start."""
    newest = [session for session in newest_sessions(said).values() if session["status"] != "withdrawn"]
    return sorted(newest, key=lambda session: int(session["started_at_ms"]))


def found(said: Sequence[Outputs], *names: str) -> list[tuple[Any, ...]]:
    names = names or ("device_id", "started_at_ms", "ended_at_ms", "reading_count", "energy_wh", "peak_w")
    return [tuple(session[name] for name in names) for session in cycles(said)]


def at_ms(minute: int) -> int:
    return NOON_MS + minute * MINUTE_MS


def kept_pieces(state: State) -> int:
    return len(state.pieces.store)


def test_a_cycle_is_told_when_it_shows_and_again_when_it_is_over() -> None:
    said = taken_in(WASHER, State(WASHER), uploads_of("..." + ONE + QUIET), [1] * 9)
    told = [(session["status"], session["source"]) for outputs in said for session in outputs.sessions]
    assert told[0] == ("open", "power_curve")
    assert found(said, "status", "started_at_ms", "ended_at_ms") == [("closed", at_ms(3), at_ms(15))]
    (cycle,) = cycles(said)
    assert cycle["energy_wh"] == pytest.approx((8 * 200 + 3 * 2_000 + 2) / 60)
    assert (cycle["peak_w"], cycle["session_no"], cycle["session_id"]) == (2_000.0, None, f"p-1:{at_ms(3)}")


def test_the_energy_of_a_cycle_is_that_of_its_readings() -> None:
    said = taken_in(WASHER, State(WASHER), uploads_of("..." + ONE + QUIET))
    inside = [
        row["energy_wh"]
        for outputs in said
        for row in outputs.readings.to_pylist()
        if at_ms(3) < row["measured_at_ms"] <= at_ms(15)
    ]
    (cycle,) = cycles(said)
    assert (cycle["energy_wh"], cycle["reading_count"]) == (pytest.approx(sum(inside), abs=1e-4), len(inside))


@examples(3)
@given(seed=st.integers(0, 2**32))
def test_neither_cut_nor_order_nor_repeats_nor_restarts_change_the_cycles(seed: int) -> None:
    rng = Random(seed)
    drawn = "".join(rng.choice([ONE, ONE, QUIET, "j..", "   ", "mm", "." * 60]) for _ in range(6))
    in_order = uploads_of(drawn + QUIET, rng.choice([1, 3, 7])) + uploads_of(ONE + QUIET, 2, "p-2")
    expected = found(taken_in(WASHER, State(WASHER), in_order))
    due = [(place + rng.uniform(0, 15), upload) for place, upload in enumerate(in_order)]
    due += [(place + rng.uniform(0, 15), upload) for place, upload in due if rng.random() < 0.2]
    shuffled = [upload for _, upload in sorted(due, key=lambda entry: entry[0])]
    assert found(taken_in(WASHER, State(WASHER), shuffled)) == expected
    state, records, said = State(WASHER), dict[bytes, bytes](), list[Outputs]()
    size = max(9, len(shuffled) // 15)
    for checkpoint, start in enumerate(range(0, len(shuffled), size), 1):
        said += taken_in(WASHER, state, shuffled[start : start + size], [rng.randrange(5)])
        state.tidy()
        records.update(changes(state, Position("topic", start, checkpoint)))
        if rng.random() < 0.3:
            state, _ = restored(WASHER, records)
    assert found(said) == expected


def test_a_cycle_keeps_its_name_when_its_beginning_comes_late() -> None:
    uploads = uploads_of(ONE + QUIET)
    said = taken_in(WASHER, State(WASHER), [*uploads[1:], uploads[0]], [len(uploads) - 1])
    assert found(said, "session_id", "started_at_ms", "status") == [(f"p-1:{at_ms(4)}", at_ms(0), "corrected")]


def test_a_late_upload_that_joins_two_cycles_withdraws_one() -> None:
    uploads = uploads_of(ONE + "mmmm" + "mmmm" + "mmmm" + "mmmm" + ONE + QUIET)
    hole, rest = uploads[3:7], uploads[:3] + uploads[7:]
    state = State(WASHER)
    apart = taken_in(WASHER, state, rest)
    assert len(cycles(apart)) == 2
    said = [*apart, *taken_in(WASHER, state, hole)]
    assert found(said, "started_at_ms", "ended_at_ms", "status") == [(at_ms(0), at_ms(40), "corrected")]
    withdrawn = [session for session in newest_sessions(said).values() if session["status"] == "withdrawn"]
    assert [session["started_at_ms"] for session in withdrawn] == [at_ms(28)]


def test_a_jog_of_the_drum_is_no_cycle() -> None:
    assert found(taken_in(WASHER, State(WASHER), uploads_of(QUIET + "j..j..j" + QUIET))) == []


@pytest.mark.parametrize("jogs", ["j" * 120, "jjjj..." * 20, "j" * 4])
def test_jogs_against_creases_do_not_prolong_a_cycle(jogs: str) -> None:
    said = taken_in(WASHER, State(WASHER), uploads_of(QUIET + ONE + jogs + QUIET))
    ((started_ms, ended_ms, status),) = found(said, "started_at_ms", "ended_at_ms", "status")
    assert (started_ms, status) == (at_ms(20), "closed")
    assert ended_ms - at_ms(32) <= 10_000, "the first jog follows at once"


def test_a_soak_with_a_jog_each_minute_parts_no_load() -> None:
    said = taken_in(WASHER, State(WASHER), uploads_of(QUIET + ONE + "j" * 25 + ONE + QUIET))
    assert found(said, "started_at_ms", "ended_at_ms", "anomalies") == [(at_ms(20), at_ms(69), [])]


def test_a_batch_of_many_plugs_finds_the_cycles_of_each() -> None:
    uploads = [upload for number in range(9) for upload in uploads_of("." * number + ONE + QUIET, 4, f"p-{number}")]
    Random(1).shuffle(uploads)
    said = taken_in(WASHER, State(WASHER), uploads)
    assert sorted(found(said, "device_id", "started_at_ms")) == [(f"p-{number}", at_ms(number)) for number in range(9)]


def test_plugs_whose_pieces_are_settled_at_once_keep_no_ones_cycle_from_being_told() -> None:
    plugs = [uploads_of(ONE + QUIET * 16, 1, f"p-{number}") for number in range(3)]
    state = State(WASHER)
    said = taken_in(WASHER, state, [upload for uploads in plugs for upload in uploads])
    state.tidy()
    assert found(said, "device_id", "status") == [(f"p-{number}", "closed") for number in range(3)]
    assert (len(state.sessions), kept_pieces(state)) == (0, 3 * WINDOW)


def test_a_machine_that_names_its_cycles_and_idles_in_between_has_no_others() -> None:
    idle: list[Upload] = uploads_of(QUIET, 4, "w-1", first_seq=100)
    named = {"cycle_no": 1, "cycle_started_ms": at_ms(30), "cycle_ended": True}
    cycle: list[Upload] = [dict(upload) | named | {"seq": 200} for upload in uploads_of(" " * 30 + ONE, 12, "w-1")]
    assert found(taken_in(WASHER, State(WASHER), idle + cycle), "source") == [("reported",)]


@pytest.mark.parametrize(
    "day",
    [
        pytest.param(QUIET * 6, id="standby"),
        pytest.param(ONE + QUIET * 5, id="washing"),
        pytest.param(ONE + " " * 100, id="silent between"),
        pytest.param(("j" + "." * 11) * 10, id="jogs for ever"),
        pytest.param("m" * 120, id="a motor that never stops"),
    ],
)
def test_the_state_of_a_plug_stays_bounded(day: str) -> None:
    state, said, seq, most = State(WASHER), list[Outputs](), 0, 0
    for number in range(0, 24, 2):
        uploads = [
            dict(upload) | {name: upload[name] + number * len(day) * MINUTE_MS for name in ("start_ms", "sent_at_ms")}
            for upload in uploads_of(day * 2, 1 if " " in day else 2, first_seq=seq)
        ]
        seq += len(uploads)
        said += taken_in(WASHER, state, uploads)
        state.tidy()
        most = max(most, kept_pieces(state))
        assert len(state.sessions) < MANY_PIECES
    assert most <= (MANY_PIECES if "H" in day or ".." * 20 in day else 24 * 30 + WINDOW + 1)
    if "H" in day:
        assert len(cycles(said)) == 24
        assert len(state.sessions) < 10


def test_withdrawn_cycles_leave_the_state_with_their_pieces() -> None:
    """Two cycles, joined by uploads that come late; then quiet for long."""
    state, seq, start = State(WASHER), 0, 0
    for _ in range(6):
        drawn = " " * start + ONE + "m" * 16 + ONE + QUIET * 3
        uploads = uploads_of(drawn, 1, first_seq=seq)
        taken_in(WASHER, state, uploads[:12] + uploads[28:50] + uploads[12:28] + uploads[50:], [34, 16])
        state.tidy()
        seq, start = seq + len(uploads), len(drawn)
    assert len(state.sessions) > 0
    taken_in(WASHER, state, uploads_of(" " * start + QUIET * 20, 1, first_seq=seq), [50] * 8)
    state.tidy()
    assert len(state.sessions) == 0


def test_a_jump_of_the_number_after_many_pieces_does_no_harm() -> None:
    """The upload that jumps has no readings, so all pieces lie beyond the window."""
    uploads = uploads_of(ONE + QUIET * 16, 1)
    assert len(uploads) > MANY_PIECES
    jump = a_plug_upload(seq=10_000, offset_ms=[], power_w=[])
    state = State(WASHER)
    said = taken_in(WASHER, state, [*uploads, jump])
    state.tidy()
    assert len(cycles(said)) == 1
    assert kept_pieces(state) < MANY_PIECES


def test_pieces_within_the_window_are_kept() -> None:
    state = State(WASHER)
    for upload in range(5):
        taken_in(WASHER, state, uploads_of(" " * upload * 200 + QUIET * 10, 1, first_seq=200 * upload), [90])
        state.tidy()
    assert WINDOW <= kept_pieces(state) <= MANY_PIECES


def repeating_clock(uploads: int, period: int) -> list[Upload]:
    """A heater that is on for half of each upload, by a clock that starts again with every `period`-th upload."""
    drawn = "HH.." * period
    return [
        dict(upload) | {"seq": seq}
        for seq, upload in enumerate((uploads_of(drawn) * (uploads // period + 1))[:uploads])
    ]


def running_back(uploads: int) -> list[Upload]:
    """Each upload from before the one before it."""
    forth = uploads_of(("HH.." + QUIET) * uploads, minutes=24)[:uploads]
    return [dict(upload) | {"seq": seq} for seq, upload in enumerate(reversed(forth))]


@pytest.mark.parametrize("sent", [repeating_clock(1_500, 33), running_back(1_500)], ids=["repeats", "runs back"])
def test_what_is_kept_of_a_device_whose_clock_goes_wrong_is_bounded(sent: list[Upload]) -> None:
    state = State(WASHER)
    for start in range(0, len(sent), 100):
        taken_in(WASHER, state, sent[start : start + 100])
        state.tidy()
        assert kept_pieces(state) <= MOST_PIECES + 100 * 4
        assert len(state.sessions) <= MOST_PIECES


@pytest.mark.parametrize("start_ms", [EARLIEST_MS, 2**53 - 1 - 86_400_000 * 400])
def test_a_cycle_at_the_edge_of_time_is_told(start_ms: int) -> None:
    """A clock that was never set since it was made tells 2001; the first reading speaks for the minute before it."""
    edge = a_plug_upload(
        seq=1, material="PLUG-METER", start_ms=start_ms, sent_at_ms=start_ms + 600_000, lead_ms=60_000,
        offset_ms=[10_000 * step for step in range(60)], power_w=[1_500.0] * 60,
    )  # fmt: skip
    (cycle,) = cycles(taken_in(WASHER, State(WASHER), [edge]))
    assert cycle["started_at_ms"] == start_ms - 60_000
