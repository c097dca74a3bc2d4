"""What happens to a shoe: a pair, friends, the next owner, another board, firmware that errs."""

from __future__ import annotations

import json
from random import Random

import pytest

from producers.runner import a_runner
from producers.shoe import Shoe
from tests.unit.producers.shoes import (
    DAY_MS,
    LEFT,
    MONDAY_MS,
    RIGHT,
    a_device,
    a_run,
    a_shoe,
    an_event,
    days,
    is_run,
    is_sound_with_all_sensors,
    mean,
    nature_of,
    readings,
    told,
)


def a_pair(seed: int) -> tuple[Shoe, Shoe]:
    return (
        a_shoe(a_device(LEFT, paired_with=RIGHT), seed, 100),
        a_shoe(a_device(RIGHT, paired_with=LEFT, firmware="2.0.1"), seed, 100),
    )


def test_both_shoes_of_a_pair_run_the_same_runs_each_on_its_own_foot() -> None:
    seed = nature_of(lambda runner: is_sound_with_all_sensors(runner) and runner.body.left_share_pct > 50.8)
    left, right = a_pair(seed)
    right.happen(an_event("board_swapped", board_no=1))
    for day in range(14):
        start_ms = MONDAY_MS + day * DAY_MS
        if day == 5:
            for shoe in (left, right):
                shoe.happen(an_event("lent", at_ms=start_ms, board_no=int(shoe is right)))
        one, other = told(left.session(start_ms)), told(right.session(start_ms))
        assert is_run(one) == is_run(other)
        for channel in ("offset_ms", "distance_m", "cadence_spm"):
            assert readings(one, channel) == readings(other, channel)
        for channel in ("heart_rate_bpm", "latitude_deg"):
            assert [upload[channel] for upload in one] == [upload[channel] for upload in other]
        if is_run(one):
            assert readings(one, "ground_contact_ms") != readings(other, "ground_contact_ms")
            assert one[-1]["lifetime_distance_m"] != other[-1]["lifetime_distance_m"]
            contact_ms = [mean(run, "ground_contact_ms") for run in (one, other)]
            balance_pct = mean(one, "contact_balance_pct")
            assert contact_ms[0] / (contact_ms[0] + contact_ms[1]) * 100 == pytest.approx(balance_pct, abs=0.2)


def test_a_friend_has_another_body_until_the_shoes_come_back() -> None:
    seed = nature_of(lambda runner: is_sound_with_all_sensors(runner) and runner.level.name == "ambitious")
    lent, kept = a_shoe(nature=seed), a_shoe(nature=seed)
    lent.happen(an_event("lent"))
    friends, own = list(days(lent, 7)), list(days(kept, 7))
    assert all(is_run(run) for run in friends)
    assert [readings(run, "distance_m") for run in friends] != [readings(run, "distance_m") for run in own]
    lent.happen(an_event("returned", at_ms=MONDAY_MS + 7 * DAY_MS))
    again, others = (list(days(shoe, 7, MONDAY_MS + 7 * DAY_MS)) for shoe in (lent, kept))
    assert [readings(run, "distance_m") for run in again] == [readings(run, "distance_m") for run in others]
    assert friends[0][0]["health_consent"] is own[0][0]["health_consent"]
    assert again[0][0]["lifetime_distance_m"] != others[0][0]["lifetime_distance_m"]


def test_each_friend_is_another_one() -> None:
    runs = []
    for at_ms in (MONDAY_MS - 1, MONDAY_MS - 2):
        shoe = a_shoe()
        shoe.happen(an_event("lent", at_ms=at_ms))
        runs.append(readings(told(shoe.session(MONDAY_MS)), "distance_m"))
    assert runs[0] != runs[1]


def test_the_next_owner_runs_elsewhere_and_in_another_way() -> None:
    seed = nature_of(is_sound_with_all_sensors)
    shoe = a_shoe(nature=seed)
    customer = next(
        f"cu-1-{number:06d}"
        for number in range(9, 500)
        if is_sound_with_all_sensors(a_runner(Random(f"{LEFT}/cu-1-{number:06d}/nature"), "JP"))
    )
    before = a_run(shoe)
    shoe.happen(an_event("resold", country="JP", customer_id=customer))
    after = a_run(shoe, MONDAY_MS + 61 * DAY_MS)
    assert 55 < readings(before, "latitude_deg")[0] < 61
    assert 34 < readings(after, "latitude_deg")[0] < 37
    assert after[0]["lifetime_distance_m"] > before[0]["lifetime_distance_m"]
    assert after[0]["seq"] > before[-1]["seq"]


@pytest.mark.parametrize("consent", [True, False])
def test_the_next_owner_s_answer_is_the_one_in_the_books(consent: bool) -> None:
    for number in range(12):
        shoe = a_shoe(nature=number)
        shoe.happen(an_event("resold", customer_id=f"cu-1-{number:06d}", health_consent=consent))
        shoe.happen(an_event("lent", health_consent=consent))
        (heartbeat,) = told(shoe.heartbeat(MONDAY_MS))
        assert heartbeat["health_consent"] is consent


def test_a_swapped_board_counts_from_zero_or_from_where_it_stood_and_the_phones_numbers_go_on() -> None:
    counters = []
    for number in range(40):
        shoe = a_shoe(nature=nature_of(lambda runner: runner.injury is None), earlier_runs=50)
        (before,) = told(shoe.heartbeat(MONDAY_MS))
        shoe.happen(an_event("board_swapped", at_ms=MONDAY_MS + number, board_no=1))
        (after,) = told(shoe.heartbeat(MONDAY_MS + 60_000))
        assert (after["seq"], after["board_no"], before["board_no"]) == (before["seq"] + 1, 1, 0)
        assert (after["lifetime_distance_m"] == 0) == (after["lifetime_steps"] == 0)
        run = a_run(shoe)
        assert run[-1]["lifetime_distance_m"] == pytest.approx(
            after["lifetime_distance_m"] + max(readings(run, "distance_m")), abs=0.02
        )
        counters.append(after["lifetime_distance_m"])
    assert 8 < counters.count(0) < 32
    assert max(counters) > 50_000


def test_a_board_that_cannot_tell_its_number_goes_on_counting() -> None:
    """A count that falls without a word would be refused ever after."""
    shoe = a_shoe(a_device(firmware="1.8.2"), earlier_runs=50)
    (before,) = told(shoe.heartbeat(MONDAY_MS))
    shoe.happen(an_event("board_swapped", firmware="1.8.2", board_no=1))
    (after,) = told(shoe.heartbeat(MONDAY_MS + DAY_MS))
    assert after["lifetime_distance_m"] == before["lifetime_distance_m"] > 0


def test_a_mistaken_unit_changes_what_is_said_and_not_what_is_true() -> None:
    right, wrong = a_shoe(nature=3), a_shoe(nature=3)
    right.happen(an_event("firmware_installed", firmware="2.0.1"))
    wrong.happen(an_event("firmware_installed", firmware="2.0.1", mistake="distance_ft"))
    for day in range(7):
        metres, feet = (shoe.session(MONDAY_MS + day * DAY_MS).uploads() for shoe in (right, wrong))
        assert [upload.mistake for upload in feet] == [
            "distance_ft" if upload.reading_count else None for upload in feet
        ]
        for in_m, in_ft in zip(metres, feet, strict=True):
            if in_m.part is not None and in_ft.part is not None:
                assert in_m.part.amount == in_ft.part.amount
                told_m, told_ft = (json.loads(upload.value)["distance_m"][-1] for upload in (in_m, in_ft))
                assert told_ft == pytest.approx(told_m / 0.3048, abs=0.06)
