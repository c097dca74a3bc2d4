"""Lifetime counters only rise, but for a declared new board."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.memory import Position, changes, restored
from streams.product import WASHER
from streams.state import State
from tests.unit.examples import examples
from tests.unit.streams.building import a_plug_upload, a_washer_upload, taken_in
from tests.unit.streams.test_bodies import outcomes


def counted(seq: int, energy_wh: float | None, **fields: Any) -> dict[str, Any]:
    return a_washer_upload(seq=seq, lifetime_energy_wh=energy_wh, **fields)


@pytest.mark.parametrize("sizes", [[], [1] * 5])
def test_a_counter_that_falls_is_refused_and_the_next_one_that_does_not_is_let_in(sizes: list[int]) -> None:
    uploads = [counted(1, 50.0), counted(2, 40.0), counted(3, 50.0), counted(4, 48.0), counted(5, 60.0)]
    assert outcomes(uploads, sizes) == ["accepted", "counter_fell", "accepted", "counter_fell", "accepted"]


def test_the_refusal_says_which_counter_and_from_where_to_where() -> None:
    (_, second) = taken_in(WASHER, State(WASHER), [counted(1, 50.0), counted(2, 40.0)], [1, 1])
    (event,) = second.failed
    assert (event.field, event.found, event.accepted) == ("lifetime_energy_mwh", "40000", "50000 or more")
    assert (event.seq, event.firmware) == (2, "1.2.3")


def test_a_new_board_may_start_again_or_jump_and_counts_on_from_there() -> None:
    uploads = [
        counted(1, 50.0),
        counted(2, 0.0, board_no=1),
        counted(3, 10.0, board_no=1),
        counted(4, 5.0, board_no=1),
        counted(5, 2.5, board_no=2),
        counted(6, 3.0),
    ]
    expected = ["accepted"] * 3 + ["counter_fell", "accepted", "accepted"]
    assert outcomes(uploads) == expected
    assert outcomes(uploads, [1] * 6) == expected


def test_an_upload_that_was_overtaken_is_not_judged() -> None:
    assert outcomes([counted(1, 10.0), counted(3, 30.0), counted(2, 20.0), counted(4, 40.0)]) == ["accepted"] * 4


def test_the_number_of_a_refused_upload_is_free() -> None:
    assert outcomes([counted(1, 50.0), counted(2, 40.0), counted(2, 51.0)]) == ["accepted", "counter_fell", "accepted"]


def test_rounding_is_no_fall_and_silence_says_nothing() -> None:
    within = 49.5
    assert outcomes([counted(1, 50.0), counted(2, within), counted(3, None), counted(4, 48.0)]) == [
        *["accepted"] * 3,
        "counter_fell",
    ]
    assert outcomes([a_plug_upload(seq=number) for number in range(3)]) == ["accepted"] * 3


def test_counters_are_remembered_over_a_restart() -> None:
    state = State(WASHER)
    taken_in(WASHER, state, [counted(1, 50.0, board_no=3)])
    again, _ = restored(WASHER, dict(changes(state, Position("t", 1, 1))))
    assert outcomes([counted(2, 40.0, board_no=3), counted(3, 40.0, board_no=4)], state=again) == [
        "counter_fell",
        "accepted",
    ]


@examples(10)
@given(seed=st.integers(0, 2**32))
def test_judged_as_a_plain_loop_would_however_cut(seed: int) -> None:
    rng = Random(seed)
    uploads = [
        counted(
            place + rng.choice([0, 0, 0, 2]),
            rng.choice([None, float(place), float(place), float(place), rng.uniform(0, 200)]),
            device_id=f"w-{rng.randrange(9)}",
            board_no=rng.choice([None, None, 0, 1]),
        )
        for place in range(180)
    ]
    known: dict[str, tuple[int, int, float]] = {}
    expected = []
    for upload in uploads:
        newest, board, energy = known.get(upload["device_id"], (-1, 0, 0.0))
        said, own_board = upload["lifetime_energy_wh"], upload["board_no"]
        falls = is_new_board = False
        if upload["seq"] > newest:
            is_new_board = own_board is not None and own_board != board
            falls = said is not None and not is_new_board and round(said * 1_000) < round(energy * 1_000) - 1_000
            if not falls:
                now = said if said is not None else 0.0 if is_new_board else energy
                known[upload["device_id"]] = (upload["seq"], board if own_board is None else own_board, now)
        expected.append(falls)
    found = outcomes(uploads, [rng.choice([0, 1, 2, 20, 60]) for _ in range(5)])
    assert [reason == "counter_fell" for reason in found] == expected
