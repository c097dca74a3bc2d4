"""Heating, rests and silence of cycles in a power curve; drawn as in `test_power_curve`, one letter a minute."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.examples import examples
from tests.unit.power_curves import LATER, MINUTE_MS, a_curve, curves, cycles_in, cycles_of, found, pieces_of


def course(drawn: str, upload_minutes: int = 4) -> dict[str, float]:
    (cycle,) = cycles_in(drawn + LATER, upload_minutes)
    names = ("heating_ms", "heating_wh", "covered_ms", "rest_ms")
    return {name: float(cycle[name]) / (MINUTE_MS if name.endswith("_ms") else 1) for name in names}


@pytest.mark.parametrize("upload_minutes", [1, 3, 4, 40])
def test_a_cycle_tells_how_long_it_heated_rested_and_was_known(upload_minutes: int) -> None:
    assert course("mmHHHmmm.....mmHmmm", upload_minutes) == pytest.approx(
        {"heating_ms": 4, "heating_wh": 4 * 2_000 / 60, "covered_ms": 19, "rest_ms": 5}
    )


def test_a_short_lull_is_no_rest() -> None:
    assert course("mmHHHmmm.mmm..mm")["rest_ms"] == 0


def test_of_silence_nothing_is_known() -> None:
    told = course("mmHHHmmm     mmmm")  # the first reading after it speaks for nothing either
    assert told["covered_ms"] == pytest.approx(12 - 10 / 60)


def test_standby_before_and_after_is_neither_known_time_nor_rest() -> None:
    assert course("......mmHHHmmmm....")["covered_ms"] == 9


def test_a_cycle_over_midnight_is_one() -> None:
    day = "." * (11 * 60 + 50)  # the curve begins at noon
    assert found(day + "mmHHHmmmmmmmmmmmmmmm" + LATER, 4).strip() == "<------------------>"


@pytest.mark.parametrize(
    ("drawn", "expected"),
    [
        pytest.param("mmHH   Hmmmmmmm", "<------------->", id="the power fails for three minutes while it heats"),
        pytest.param("mmHHHmmm" + " " * 16 + "mmmmmmmm", "<------>" + " " * 16 + "<------>", id="and for sixteen"),
        pytest.param("mmHHHmmm........mmHmmm", "<-------------------->", id="its user pauses it and it warms up again"),
        pytest.param("mmHHH" + "m" * 20 + "....mmHHHmmmm", "<----------------------->    <------->", id="back to back"),
        pytest.param("s" * 30 + "mmHHHmmmm" + "s" * 30, " " * 30 + "<------->", id="standby of 6 W around it"),
        pytest.param("j" * 30, "", id="jogs of the drum"),
    ],
)
def test_what_is_one_cycle(drawn: str, expected: str) -> None:
    for upload_minutes in (1, 4, 60):
        assert found(drawn + LATER, upload_minutes).rstrip() == expected


@examples(15)
@given(curves, st.data())
def test_the_course_is_the_same_however_uploads_were_cut_and_in_whatever_order_they_came(
    drawn: str, data: st.DataObject
) -> None:
    readings = a_curve(drawn)
    cuts = data.draw(st.sets(st.integers(0, len(readings)), max_size=40))
    made = pieces_of(readings, sorted({0, *cuts}))
    shuffled = cycles_of(made[data.draw(st.permutations(range(len(made))))])
    uncut = cycles_of(pieces_of(readings, [0]))
    for name in ("heating_ms", "covered_ms", "rest_ms"):
        assert shuffled[name].tolist() == uncut[name].tolist()
    assert shuffled["heating_wh"].tolist() == pytest.approx(uncut["heating_wh"].tolist())
