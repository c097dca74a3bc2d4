"""A number used again for another upload is told from the same upload sent again."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.bodies import digests
from streams.dedupe import WINDOW
from streams.memory import Position, changes, restored
from streams.product import WASHER
from streams.state import State
from tests.unit.examples import examples
from tests.unit.streams.building import Upload, a_washer_upload, encoded, taken_in

SAME = a_washer_upload(seq=7)
OTHER = a_washer_upload(seq=7, power_w=[1.0, 2.0])


def outcomes(uploads: Sequence[Upload], sizes: list[int] | None = None, state: State | None = None) -> list[str]:
    """What becomes of each upload, in order of arrival: an outcome or a reason."""
    found: dict[int, str] = {}
    for outputs in taken_in(WASHER, state or State(WASHER), uploads, sizes or []):
        found |= {row["offset"]: row["outcome"] for row in outputs.receipts.to_pylist()}
        found |= {event.offset: event.reason for event in outputs.failed}
    return [found[offset] for offset in range(len(uploads))]


@pytest.mark.parametrize("sizes", [[], [1, 1, 1, 1]])
def test_another_body_under_the_same_number_is_refused_and_the_same_is_a_duplicate(sizes: list[int]) -> None:
    assert outcomes([SAME, SAME, OTHER, SAME], sizes) == ["accepted", "duplicate", "number_reused", "duplicate"]


def test_the_first_body_counts_whatever_came_later() -> None:
    assert outcomes([OTHER, SAME, OTHER], [1, 1, 1]) == ["accepted", "number_reused", "duplicate"]


def test_bodies_are_remembered_over_a_restart() -> None:
    state = State(WASHER)
    taken_in(WASHER, state, [SAME])
    again, _ = restored(WASHER, dict(changes(state, Position("t", 1, 1))))
    assert outcomes([OTHER, SAME], state=again) == ["number_reused", "duplicate"]


def test_what_is_not_known_of_a_body_makes_no_difference() -> None:
    state = State(WASHER)
    taken_in(WASHER, state, [SAME])
    state.devices.store.values["bodies"] = 0  # as state of an older version is read
    assert outcomes([OTHER], state=state) == ["duplicate"]


def test_digests_are_the_same_everywhere() -> None:
    """They are kept in the state, which a program on another machine reads."""
    assert digests([b"", b"x", b"vaxel"]).tolist() == [1, 41824, 11957]


@examples(4)
@given(seed=st.integers(0, 2**32))
def test_judged_as_a_dictionary_of_bodies_would(seed: int) -> None:
    rng = Random(seed)
    uploads, seq = [], 0
    for _ in range(150):
        seq = max(0, seq + rng.choice([0, 0, 1, 1, 2, -1, -3, WINDOW - 1]))
        uploads.append(a_washer_upload(seq=seq, power_w=[float(rng.randrange(2)), 1.0]))
    bodies: dict[int, bytes] = {}
    expected = []
    for upload in uploads:
        number, body = upload["seq"], encoded(upload)
        if number <= max(bodies, default=-1) - WINDOW:
            expected.append("late")
        elif number in bodies:
            expected.append("duplicate" if bodies[number] == body else "number_reused")
        else:
            bodies[number] = body
            expected.append("accepted")
    assert outcomes(uploads, [rng.choice([0, 1, 1, 2, 3, 40]) for _ in range(15)]) == expected
