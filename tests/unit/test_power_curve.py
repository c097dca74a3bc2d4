"""Wash cycles from power: a curve is drawn, one letter a minute of six readings; the cycles in it are drawn below.

`.` standby of 2 W   `s` standby of 6 W   `m` motor, 200 W   `H` heater, 2,000 W   `j` one jog of the drum (first 10 s)
` ` silence: no readings   `<--->` a cycle   `<---?` a cycle that may go on
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.curve_rules import Rules
from streams.power_curve import CYCLE, PIECE, cycles, pieces
from tests.unit.examples import examples

RULES = Rules()
NOON_MS = 1_327_320_000_000
STEP_MS = 10_000
MINUTE_MS = 60_000
WATTS = {".": [2] * 6, "s": [6] * 6, "m": [200] * 6, "H": [2_000] * 6, "j": [100, 2, 2, 2, 2, 2]}


class Reading(NamedTuple):
    at_ms: int
    span_ms: int
    power_w: float


def a_curve(drawn: str) -> list[Reading]:
    readings: list[Reading] = []
    for minute, letter in enumerate(drawn):
        for step, power_w in enumerate(WATTS.get(letter, [])):
            at_ms = NOON_MS + minute * MINUTE_MS + (step + 1) * STEP_MS
            is_known = not readings or at_ms - readings[-1].at_ms <= MINUTE_MS
            readings.append(Reading(at_ms, STEP_MS if is_known else 0, power_w))
    return readings


def pieces_of(readings: list[Reading], starts: list[int]) -> npt.NDArray[np.void]:
    table = np.array(readings, dtype=[("at", "i8"), ("span", "i8"), ("w", "f8")])
    return pieces(table["at"], table["span"], table["w"], np.array(starts, np.int64), RULES)[0]


def cycles_of(given: npt.NDArray[np.void]) -> npt.NDArray[np.void]:
    return cycles(np.zeros(len(given), np.int64), given, RULES)


def cycles_in(drawn: str, upload_minutes: int = 4) -> npt.NDArray[np.void]:
    readings = a_curve(drawn)
    return cycles_of(pieces_of(readings, list(range(0, len(readings), upload_minutes * 6))))


def found(drawn: str, upload_minutes: int) -> str:
    """The cycles of a drawn curve, drawn."""
    line = [" "] * len(drawn)
    for cycle in cycles_in(drawn, upload_minutes):
        first = (int(cycle["started_ms"]) - NOON_MS) // MINUTE_MS
        last = (int(cycle["ended_ms"]) - NOON_MS - 1) // MINUTE_MS
        line[first : last + 1] = ["<", *"-" * (last - first - 1), "?" if cycle["is_open"] else ">"]
    return "".join(line)


def assert_found(drawn: str, expected: str) -> None:
    for upload_minutes in (1, 3, 4, len(drawn)):
        assert found(drawn, upload_minutes).rstrip() == expected


LATER = "." * 16  # quiet long enough to close a cycle


def test_a_cycle_reaches_from_its_first_activity_to_its_last() -> None:
    assert_found(
        "...mmHHHmmm.mmm................",
        "   <---------->",
    )


def test_it_has_the_energy_peak_and_readings_of_all_in_between() -> None:
    [cycle] = cycles_in("...mmHHHmmm.mmm" + LATER)
    #                       8 x 200 W, 3 x 2,000 W, 1 x 2 W, a minute each
    assert cycle["energy_wh"] == pytest.approx((8 * 200 + 3 * 2_000 + 2) / 60)
    assert cycle["peak_w"] == 2_000
    assert cycle["reading_count"] == 12 * 6
    assert cycle["started_ms"] == NOON_MS + 3 * MINUTE_MS
    assert cycle["ended_ms"] == NOON_MS + 15 * MINUTE_MS


def test_standby_after_the_end_does_not_prolong_it() -> None:
    assert_found(
        "mmHHHmmmmmssssssssssssssssssssssssssssssssssssssssssssssssssssssssssss",
        "<-------->",
    )


def test_a_pause_of_the_user_is_part_of_the_cycle() -> None:
    assert_found(
        "mmHHHmmmmm..............mmmmm................",
        "<--------------------------->",
    )


def test_a_pause_of_more_than_a_quarter_of_an_hour_ends_it() -> None:
    assert_found(
        "mmHHHmmmmm................mmmmm................",
        "<-------->                <--->",
    )


def test_heating_anew_after_a_washed_load_is_the_next_cycle() -> None:
    assert_found(
        "mmHHHmmmmmmmmmmmmmmmm...mmHHHmmmmm................",
        "<------------------->   <-------->",
    )


def test_heating_anew_without_a_lull_before_it_is_the_same_cycle() -> None:
    assert_found(
        "mmHHHmmmmmmmmmmmmmmmm..mmHHHmmmmm................",
        "<------------------------------->",
    )


def test_heating_anew_before_the_load_is_washed_is_the_same_cycle() -> None:
    assert_found(
        "mmHHHmmmmm.....mmHHHmmmmm................",
        "<----------------------->",
    )


def test_a_soak_before_the_first_heating_is_part_of_the_cycle() -> None:
    assert_found(
        "mmmmm........mmHHHmmmmm................",
        "<--------------------->",
    )


def test_a_soak_is_part_of_the_cycle_also_when_another_load_was_washed_before() -> None:
    assert_found(
        "mmHHHmmmmmmmmmmmmmmmm................mmmmm........mmHHHmmmmm................",
        "<------------------->                <--------------------->",
    )


def test_an_extra_spin_within_the_pause_belongs_to_its_load() -> None:
    assert_found(
        "mmHHHmmmmmmmmmmmmmmmm......mmmmmm................",
        "<------------------------------->",
    )


def test_a_programme_that_only_spins_is_a_cycle() -> None:
    assert_found(
        "..mmmmmm................",
        "  <---->",
    )


def test_jogs_of_the_drum_after_the_end_do_not_prolong_it() -> None:
    assert_found(
        "mmHHHmmmmm....j....j....j....j................",
        "<-------->",
    )


@pytest.mark.parametrize("drawn", ["", "    ", "....", "jjjj", "..j....H....j..", "mmmm", "..HH..", "s" * 90])
def test_no_cycle_is_invented_from(drawn: str) -> None:
    assert_found(drawn + LATER, "")


def test_silence_is_not_a_lull_because_the_machine_may_have_run_on() -> None:
    assert_found(
        "mmHHHmmmmmmmmmmmmmmmm     mHHHmmmmm................",
        "<--------------------------------->",
    )


def test_silence_longer_than_a_pause_ends_a_cycle() -> None:
    assert_found(
        "mmHHHmmmmm                mHHHmmmmm................",
        "<-------->                <------->",
    )


def test_a_cycle_is_open_until_the_device_is_known_to_rest_for_a_pause() -> None:
    assert_found(
        "mmHHHmmmmm...............",
        "<--------?",
    )
    assert_found(
        "mmHHHmmmmm................",
        "<-------->",
    )


def test_a_cycle_is_not_open_once_the_next_load_heats() -> None:
    assert_found(
        "mmHHHmmmmmmmmmmmmmmmm...mmmHHH",
        "<------------------->   <----?",
    )


def test_uploads_that_overlap_because_the_clock_stepped_back_are_one_cycle() -> None:
    whole = a_curve("mmHHH" + "m" * 25 + "HHmmm")
    jog = [Reading(NOON_MS + 3 * MINUTE_MS, STEP_MS, 50.0)]
    quiet = [Reading(NOON_MS + minute * MINUTE_MS, MINUTE_MS, 2.0) for minute in range(26, 30)]
    given = np.concatenate([pieces_of(some, [0]) for some in (whole[:180], jog, quiet, whole[180:])])
    assert len(cycles_of(given)) == 1


def test_a_late_upload_joins_what_looked_like_two_cycles() -> None:
    drawn = "mmHHHmmm" + "m" * 16 + "mmmmmmmm" + LATER
    made = pieces_of(a_curve(drawn), list(range(0, len(drawn) * 6, 24)))
    without = np.concatenate((made[:2], made[6:]))
    late = made[2:6]
    assert len(cycles_of(without)) == 2
    assert cycles_of(np.concatenate((without, late))).shape == (1,)


def test_first_and_last_piece_are_indices_into_what_was_given() -> None:
    drawn = "....mmHHHmmmmmmm" + LATER  # pieces: 0 standby, 1 to 3 the cycle, 4 to 7 standby
    made = pieces_of(a_curve(drawn), list(range(0, len(drawn) * 6, 24)))
    [cycle] = cycles_of(made[::-1])
    assert (cycle["first_piece"], cycle["last_piece"]) == (6, 4)


def test_devices_do_not_mix() -> None:
    one, other = pieces_of(a_curve("mmHHHmmm" + LATER), [0]), pieces_of(a_curve("...mmmmmm.."), [0])
    both = cycles(np.array([7, 3]), np.concatenate((one, other)), RULES)
    assert both["device"].tolist() == [3, 7]
    assert both["reading_count"].tolist() == [36, 48]
    assert both["is_open"].tolist() == [True, False]


def test_an_upload_without_readings_has_no_piece() -> None:
    at_ms = np.array([NOON_MS, NOON_MS + STEP_MS])
    made, upload = pieces(at_ms, np.full(2, STEP_MS), np.array([2.0, 50.0]), np.array([0, 0, 1, 2]), RULES)
    assert upload.tolist() == [1, 2]
    assert made["active_first_ms"].tolist() == [0, NOON_MS]
    assert made["before_count"].tolist() == [1, 0]


def test_a_lull_within_an_upload_parts_it_into_two_pieces() -> None:
    made = pieces_of(a_curve("mm...mm"), [0])
    #                         0   12 readings active, 18 quiet, 12 active
    assert made["within_count"].tolist() == [12, 12]
    assert made["after_count"].tolist() == [18, 0]


def test_nothing_in_nothing_out() -> None:
    none = np.empty(0, np.int64)
    made, upload = pieces(none, none, np.empty(0), none, RULES)
    assert made.dtype == PIECE
    assert len(upload) == 0
    assert cycles(none, made, RULES).dtype == CYCLE


rest = st.tuples(st.sampled_from(".. s"), st.integers(1, 18)).map(lambda part: part[0] * part[1])
work = st.sampled_from(["m", "j", "jj", "mmmm", "mmmmmm", "H", "mmHHHmmm", "mmHHHmmmmmmmmmmmmmmmm", "HmmmHm"])
curves = st.lists(st.tuples(rest, work).map("".join), max_size=8).map("".join)


@examples(25)
@given(curves, st.data())
def test_neither_the_cuts_nor_the_order_of_uploads_matter(drawn: str, data: st.DataObject) -> None:
    readings = a_curve(drawn)
    cuts = data.draw(st.sets(st.integers(0, len(readings)), max_size=40))
    made = pieces_of(readings, sorted({0, *cuts}))
    in_order = cycles_of(made)
    shuffled = cycles_of(made[data.draw(st.permutations(range(len(made))))])
    uncut = cycles_of(pieces_of(readings, [0]))
    for name in ("started_ms", "ended_ms", "energy_wh", "peak_w", "reading_count", "is_open"):
        assert shuffled[name].tolist() == in_order[name].tolist()  # to the last digit
        assert in_order[name].tolist() == pytest.approx(uncut[name].tolist(), rel=1e-9)


@examples(15)
@given(curves, st.data())
def test_pieces_hold_all_energy_time_and_readings(drawn: str, data: st.DataObject) -> None:
    readings = a_curve(drawn)
    cuts = data.draw(st.sets(st.integers(0, len(readings)), max_size=40))
    made = pieces_of(readings, sorted({0, *cuts}))
    energy_wh = sum(reading.power_w * reading.span_ms for reading in readings) / 3_600_000
    assert sum(made[f"{part}_wh"].sum() for part in ("before", "within", "after")) == pytest.approx(energy_wh)
    assert sum(made[f"{part}_count"].sum() for part in ("before", "within", "after")) == len(readings)


@examples(30)
@given(st.lists(curves, min_size=1, max_size=4))
def test_a_plain_loop_over_the_readings_finds_the_same(drawings: list[str]) -> None:
    recorded = [a_curve(drawn) for drawn in drawings]
    made = [pieces_of(readings, list(range(0, len(readings), 24))) for readings in recorded]
    device = np.repeat(np.arange(len(made)), [len(some) for some in made])
    together = cycles(device, np.concatenate(made), RULES)
    expected = [(number, *span) for number, readings in enumerate(recorded) for span in plainly(readings)]
    assert together[["device", "started_ms", "ended_ms"]].tolist() == expected


def plainly(readings: list[Reading]) -> list[tuple[int, int]]:
    """Start and end of each cycle, by the rules as docs/wash-cycles.md words them."""
    bouts: list[tuple[int, list[Reading]]] = []
    quiet_ms, last_ms, stretch = 0, 0, 0
    for reading in readings:
        if reading.power_w < 10:
            quiet_ms += reading.span_ms
            continue
        pauses = reading.at_ms - reading.span_ms - last_ms > 900_000
        stretch += quiet_ms > 120_000 or pauses
        if not bouts or quiet_ms > 45_000 or pauses:
            bouts.append((stretch, []))
        bouts[-1][1].append(reading)
        quiet_ms, last_ms = 0, reading.at_ms

    loads: list[list[list[Reading]]] = []
    heated_ms: int | None = None
    before = -1
    for stretch, bout in bouts:
        if start_ms(bout) > bout[-1].at_ms - 60_000 or energy_wh(readings, bout) < 2:
            continue
        heating = [reading for reading in bout if reading.power_w >= 1_200]
        heats = sum(reading.power_w * reading.span_ms for reading in heating) / 3_600_000 >= 20
        ended_ms = loads[-1][-1][-1].at_ms if loads else 0
        is_next_load = heats and heated_ms is not None and ended_ms - heated_ms >= 900_000
        if stretch != before and (start_ms(bout) - ended_ms > 900_000 or is_next_load):
            loads.append([])
            heated_ms = None
        loads[-1].append(bout)
        before = stretch
        if heats:
            heated_ms = heating[-1].at_ms
    whole = [[reading for bout in load for reading in bout] for load in loads]
    return [
        (start_ms(load), load[-1].at_ms)
        for load in whole
        if load[-1].at_ms - start_ms(load) >= 300_000 and energy_wh(readings, load) >= 10
    ]


def start_ms(active: list[Reading]) -> int:
    return active[0].at_ms - active[0].span_ms


def energy_wh(readings: list[Reading], active: list[Reading]) -> float:
    between = [reading for reading in readings if active[0].at_ms <= reading.at_ms <= active[-1].at_ms]
    return sum(reading.power_w * reading.span_ms for reading in between) / 3_600_000
