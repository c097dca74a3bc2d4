"""What a device counted is held against what of it arrived."""

from __future__ import annotations

from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.failures import Reason
from schemas.reference import CustodyReference
from streams.desk.arrivals import Refused
from streams.desk.completeness import KEPT_MS, TELL_AFTER_MS
from streams.desk.register import Register
from tests.unit.examples import examples
from tests.unit.streams.desk.counting import (
    DAY_MS,
    FIRST_MS,
    LATER_MS,
    Books,
    Told,
    a_life,
    assert_says,
    expected,
    newest,
)

HOUR_MS = 3_600_000


def washes(count: int, wh: float = 10.0, first: int = 0, start_wh: float = 1_000.0, **fields: object) -> list[Told]:
    """Uploads of a machine, one an hour, each of which brings as much."""
    return [
        Told("w-1", first + n, FIRST_MS + n * HOUR_MS, start_wh + (n + 1) * wh, wh, **fields)  # type: ignore[arg-type]
        for n in range(count)
    ]


def a_run(*far_m: float | None, first: int = 0, before_m: float = 5_000.0) -> list[Told]:
    """Uploads of a run whose distance is so far at each."""
    return [
        Told("s-1", first + n, FIRST_MS + n * 60_000, before_m + (far or 0), far, FIRST_MS)
        for n, far in enumerate(far_m)
    ]


def refused(
    seq: int, reason: Reason = "out_of_physics", field: str = "", found: str = "", accepted: str = ""
) -> Refused:
    return Refused("w-1", "washer", seq, reason, field, found, accepted, FIRST_MS)


def the_one(books: Books) -> tuple[str, float, int, int]:
    """Verdict, what is missing, and numbers missing and refused, of the only month there is."""
    (fact,) = books.told()
    return fact.verdict, round(fact.missing, 3), fact.missing_uploads, fact.refused_uploads


def test_what_all_arrived_is_complete() -> None:
    books = Books()
    books.take(washes(20))
    assert the_one(books) == ("complete", 0.0, 0, 0)


def test_a_lost_upload_is_a_gap_and_so_are_two() -> None:
    books, uploads = Books(), washes(20)
    books.take(uploads[:5] + uploads[7:])
    assert the_one(books) == ("gap", 20.0, 2, 0)


def test_it_is_complete_again_when_it_comes_at_last() -> None:
    books, uploads = Books(), washes(20)
    books.take(uploads[:5] + uploads[6:])
    books.told()
    books.take(uploads[5:6])
    (fact,) = books.told()
    assert (fact.verdict, fact.version, fact.missing_uploads) == ("complete", 2, 0)
    assert len(books.stores["completeness_spans"]) == 1, "the hole is closed: a day of numbers is one span again"


def test_a_run_bridges_what_is_lost_in_its_middle_but_not_its_end() -> None:
    first, second = a_run(100, 200, 300, 400), a_run(100, 200, first=4, before_m=5_400.0)
    second = [Told(**{**vars(one), "session_ms": FIRST_MS + DAY_MS}) for one in second]
    for kept, said in (((0, 2, 3), ("complete", 0.0, 1, 0)), ((0, 1, 2), ("gap", 100.0, 1, 0))):
        books = Books()
        books.take([first[place] for place in kept] + second)
        assert the_one(books) == said


def test_a_part_of_a_run_without_readings_is_where_the_one_before_was() -> None:
    uploads = a_run(100, 200, None, 300)
    uploads[2] = Told(**{**vars(uploads[2]), "counter": 5_200.0})
    for order in ([0, 1, 2, 3], [3, 2, 1, 0], [0, 3, 2, 1]):
        books = Books()
        for place in order:
            books.take([uploads[place]])
        assert the_one(books) == ("complete", 0.0, 0, 0)


def test_an_upload_that_was_refused_is_missing_but_counted_apart_and_not_asked_for() -> None:
    books, uploads = Books(), washes(20)
    books.take(uploads[:5] + uploads[8:], [refused(6)])
    assert [
        (one.from_seq, one.to_seq) for one in books.book.commands(LATER_MS - 18 * DAY_MS, books.names.__getitem__)
    ] == [
        (5, 6),
        (7, 8),
    ]
    assert the_one(books) == ("gap", 30.0, 2, 1)


def test_a_counter_that_jumps_without_a_missing_number_is_unexplained() -> None:
    books = Books()
    books.take(washes(5) + washes(5, first=5, start_wh=3_000.0))
    assert the_one(books)[0] == "unexplained"


def test_more_than_was_counted_is_a_surplus() -> None:
    uploads = [Told(**{**vars(one), "amount": 11.0}) for one in washes(5)]
    books = Books()
    books.take(uploads)
    assert the_one(books) == ("surplus", -4.0, 0, 0)


def test_a_declared_board_starts_anew_and_is_swapped_if_all_that_can_be_told_is_there() -> None:
    uploads = washes(5) + washes(5, first=6, start_wh=0.0, board_no=1)
    books = Books()
    books.take(uploads)
    (fact,) = books.told()
    assert (fact.verdict, fact.boards, fact.missing, fact.missing_uploads) == ("swapped", 2, 0.0, 1)


def test_firmware_that_begins_to_say_its_board_is_no_swap() -> None:
    books = Books()
    books.take(washes(5, board_no=None) + washes(5, first=5, start_wh=1_050.0, board_no=2))
    assert the_one(books) == ("complete", 0.0, 0, 0)


@pytest.mark.parametrize(
    ("field", "found", "accepted", "verdict"),
    [
        ("lifetime_energy_mwh", "1500", "812345678 or more", "reset"),
        ("lifetime_cycles", "0", "812 or more", "reset"),
        ("lifetime_energy_mwh", "120000", "4294960000 or more", "rollover"),
        ("lifetime_cycles", "0", "65535 or more", "rollover"),
        ("lifetime_distance_m", "0", "65535 or more", "reset"),
        ("lifetime_energy_mwh", "512345678", "812345678 or more", "unexplained"),
    ],
)
def test_a_counter_that_fell_was(field: str, found: str, accepted: str, verdict: str) -> None:
    books = Books()
    books.take(washes(5), [refused(seq, "counter_fell", field, found, accepted) for seq in (5, 6)])
    assert the_one(books) == (verdict, 0.0, 0, 2)


def test_what_was_refused_and_came_back_repaired_is_no_reset() -> None:
    books = Books()
    books.take(washes(5), [refused(5, "counter_fell", "lifetime_cycles", "0", "812 or more")])
    books.take(washes(1, first=5, start_wh=0.0, board_no=1))
    assert the_one(books)[0] == "swapped"


def test_a_counter_is_as_exact_as_the_digits_it_writes() -> None:
    """One that counts whole Wh is off by one Wh at most; one that counts tenths shows less than that."""
    for digits, verdict in ((0, "complete"), (1, "gap")):
        told = [Told("w-1", n, FIRST_MS + n, round(1_000 + 10.3 * n, digits), 10.3) for n in range(9)]
        told[8:] = [Told("w-1", 9, FIRST_MS + 9, round(1_000 + 10.3 * 7 + 0.6, digits), 0.0)]
        books = Books()
        books.take(told)
        assert the_one(books)[0] == verdict


def test_plug_meters_count_nothing_and_are_not_spoken_of() -> None:
    books = Books()
    books.take([Told("w-1", n, FIRST_MS + n, None, 5.0) for n in range(3)])
    assert books.told() == []


def test_figures_alone_are_told_after_a_while() -> None:
    books, uploads = Books(), washes(20)
    books.take(uploads)
    newest_ms = uploads[-1].sent_at_ms
    assert books.told(newest_ms + TELL_AFTER_MS - 1, after_ms=TELL_AFTER_MS) == []
    assert len(books.told(newest_ms + TELL_AFTER_MS, after_ms=TELL_AFTER_MS)) == 1


def custody(revision: int, *from_ms: int) -> CustodyReference:
    count = len(from_ms)
    return CustodyReference(
        device_id="w-1", revision=revision, from_ms=list(from_ms), to_ms=[*from_ms[1:], None], kind=["sold"] * count,
        subject=["p" + "a" * 26] * count, country=["DE"] * count, time_zone=["Europe/Berlin"] * count,
        language=["de"] * count, insights_per_week=[3] * count, max_heart_rate_bpm=[None] * count,
        goal=[None] * count, weekly_km=[None] * count, runs_per_week=[None] * count,
    )  # fmt: skip


def test_a_custody_told_late_divides_what_came_before() -> None:
    uploads, sold_ms, resold_ms = washes(96), FIRST_MS - DAY_MS, FIRST_MS + 2 * DAY_MS + 5 * HOUR_MS
    early, late = Register(), Register()
    early.learn(custody(1, sold_ms))
    late.learn(custody(2, sold_ms, resold_ms))
    corrected, known = Books(), Books()
    corrected.take(uploads[:10] + uploads[11:])
    known.take(uploads[:10] + uploads[11:])
    facts = corrected.told(register=early)
    corrected.book.learn(np.array([0]), LATER_MS)
    facts += corrected.told(register=late)
    assert_says(newest(facts), expected(uploads[:10] + uploads[11:], late))
    assert_says(newest(known.told(register=late)), expected(uploads[:10] + uploads[11:], late))
    assert {fact.custody_from_ms: fact.version for fact in newest(facts).values()} == {sold_ms: 2, resold_ms: 1}


def test_days_that_are_settled_still_count_in_their_months() -> None:
    uploads = washes(24 * 30)
    books = Books()
    books.take(uploads[:100] + uploads[101:400])
    facts = books.told(uploads[200].sent_at_ms + KEPT_MS)
    spans = len(books.stores["completeness_spans"])
    books.take(uploads[400:])
    facts += books.told(uploads[-1].sent_at_ms + KEPT_MS + DAY_MS)
    assert_says(newest(facts), expected(uploads[:100] + uploads[101:]))
    assert len(books.stores["completeness_spans"]) == 2 < spans, "the newest, and the one to compare it with"


@given(seed=st.integers(0, 2**32))
@examples(15)
def test_any_order_and_cut_and_restarts_say_in_the_end_what_a_plain_loop_says(seed: int) -> None:
    rng = Random(seed)
    every = [upload for name in ("w-1", "s-1", "w-2") for upload in a_life(rng, name, 60)]
    came = [upload for upload in every if rng.random() > 0.1]
    # As they come, or in any order at all.
    reach = rng.choice([0, 5, 1_000])
    arriving = [came[at] for at in sorted(range(len(came)), key=lambda at: at + rng.uniform(0, reach))]
    books, facts = Books(), []
    while arriving:
        size = rng.choice([1, 3, 40])
        books.take(arriving[:size])
        arriving = arriving[size:]
        if rng.random() < 0.3:
            facts += books.told()
        if rng.random() < 0.2:
            books.reopen()
    facts += books.told()
    assert_says(newest(facts), expected(came))


def test_commands_ask_once_a_day_for_what_a_device_can_still_have_and_the_stream_would_take() -> None:
    books = Books()
    uploads = washes(24 * 9)
    books.take(uploads[:30] + uploads[33:])
    asked = []
    for hour in range(24 * 9):
        asked += books.book.commands(uploads[hour].sent_at_ms, books.names.__getitem__)
        books.reopen()
    assert {(one.from_seq, one.to_seq) for one in asked} == {(30, 33)}
    assert [(one.asked_at_ms - uploads[33].sent_at_ms) // HOUR_MS for one in asked] == [
        1 + 24 * day for day in range(7)
    ]
    assert {one.expires_at_ms for one in asked} == {uploads[33].sent_at_ms + 7 * DAY_MS}


def test_what_came_meanwhile_is_not_asked_for() -> None:
    books, uploads = Books(), washes(20)
    books.take(uploads[:5] + uploads[8:])
    books.take(uploads[6:7])
    asked = books.book.commands(uploads[12].sent_at_ms, books.names.__getitem__)
    assert sorted((one.from_seq, one.to_seq) for one in asked) == [(5, 6), (7, 8)]
    books.take(uploads[5:6] + uploads[7:8])
    assert books.book.commands(LATER_MS, books.names.__getitem__) == []


def test_a_device_that_is_forgotten_leaves_nothing_behind() -> None:
    books, uploads = Books(), washes(20)
    books.take(uploads[:5] + uploads[8:], [refused(6)])
    books.told()
    books.book.forget(np.array([0]))
    assert {name: len(store) for name, store in books.stores.items()} == dict.fromkeys(books.stores, 0)
