"""Wash cycles from power: a curve is drawn, one letter a minute of six readings; the cycles in it are drawn below.

`.` standby of 2 W   `s` standby of 6 W   `m` motor, 200 W   `H` heater, 2,000 W   `j` one jog of the drum (first 10 s)
` ` silence: no readings   `<--->` a cycle   `<---?` a cycle that may go on
"""

from __future__ import annotations

import numpy as np
import pytest

from streams.power_curve import CYCLE, PIECE, cycles, pieces
from tests.unit.power_curves import (
    LATER,
    MINUTE_MS,
    NOON_MS,
    RULES,
    STEP_MS,
    Reading,
    a_curve,
    cycles_in,
    cycles_of,
    found,
    pieces_of,
)


def assert_found(drawn: str, expected: str) -> None:
    for upload_minutes in (1, 3, 4, len(drawn)):
        assert found(drawn, upload_minutes).rstrip() == expected


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
