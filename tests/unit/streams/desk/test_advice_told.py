"""How often people are told something."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np

from schemas.desk import InsightKind
from streams.desk.advice_told import TOLD, fits_week, local_week, may_speak, note
from streams.desk.register import Custody
from tests.unit.streams.desk.advice_cases import a_custody
from tests.unit.streams.desk.building import DAY_MS, NOON_MS

SUNDAY_MS = NOON_MS + 6 * DAY_MS


def say(
    told: np.void, kind: InsightKind, event: int, at_ms: int, custody: Custody, version: int = 1, known_ms: int = 0
) -> bool:
    """Whether it was said."""
    order = known_ms, version
    may = may_speak(told, kind, event, order, at_ms, custody) and fits_week(told, kind, event, at_ms, custody)
    if may:
        note(told, kind, event, order, at_ms, custody)
    return may


def test_nobody_is_told_more_in_a_week_than_they_want_and_the_next_week_begins_on_monday() -> None:
    told, custody = np.zeros(1, TOLD)[0], a_custody(insights_per_week=1)
    assert say(told, "next_session", 1, NOON_MS, custody)
    assert not say(told, "asymmetry", 2, SUNDAY_MS, custody)
    assert say(told, "asymmetry", 3, NOON_MS + 7 * DAY_MS, custody)


def test_who_wants_nothing_is_told_nothing() -> None:
    assert not say(np.zeros(1, TOLD)[0], "asymmetry", 1, NOON_MS, a_custody(insights_per_week=0))


def test_one_of_several_is_kept_free_for_warnings() -> None:
    told, custody = np.zeros(1, TOLD)[0], a_custody(insights_per_week=2)
    assert say(told, "next_session", 1, NOON_MS, custody)
    assert not say(told, "next_session", 2, NOON_MS + DAY_MS, custody)
    assert say(told, "fatigue", 2, NOON_MS + DAY_MS, custody)
    assert not say(told, "asymmetry", 2, NOON_MS + DAY_MS, custody)


def test_the_week_is_that_of_the_persons_own_clock() -> None:
    sunday_evening_ms = int(datetime(2026, 6, 7, 22, 30, tzinfo=UTC).timestamp()) * 1000
    assert local_week(sunday_evening_ms, "Europe/Stockholm") == local_week(sunday_evening_ms, "America/New_York") + 1
    assert local_week(NOON_MS, "no/where") == local_week(NOON_MS, "UTC")


def test_the_same_is_not_said_again_too_soon_but_to_the_next_owner() -> None:
    told, first = np.zeros(1, TOLD)[0], a_custody(to_ms=NOON_MS + DAY_MS)
    assert say(told, "descale", 1, NOON_MS, first)
    assert not say(told, "descale", 2, NOON_MS + 28 * DAY_MS, first)
    assert not say(told, "descale", 3, NOON_MS - DAY_MS, first)
    assert say(told, "descale", 4, NOON_MS + 2 * DAY_MS, a_custody(from_ms=NOON_MS + DAY_MS))


def test_a_correction_is_told_once_again_and_does_not_count_twice() -> None:
    told, custody = np.zeros(1, TOLD)[0], a_custody(insights_per_week=2)
    assert say(told, "next_session", 1, NOON_MS, custody, version=3)
    assert not say(told, "next_session", 1, NOON_MS, custody, version=3)
    assert say(told, "next_session", 1, NOON_MS, custody, version=4)
    assert say(told, "fatigue", 1, NOON_MS, custody)


def test_what_a_backfill_corrected_is_told_again_and_so_is_what_the_stream_learns_after_it_whatever_their_numbers() -> (
    None
):
    told, custody = np.zeros(1, TOLD)[0], a_custody(insights_per_week=2)
    assert say(told, "next_session", 1, NOON_MS, custody, version=2, known_ms=100)
    assert say(told, "next_session", 1, NOON_MS, custody, version=3, known_ms=200)
    assert say(told, "next_session", 1, NOON_MS, custody, version=3, known_ms=300)
    assert say(told, "next_session", 1, NOON_MS, custody, version=2, known_ms=400)
    assert not say(told, "next_session", 1, NOON_MS, custody, version=2, known_ms=400)
    assert not say(told, "next_session", 1, NOON_MS, custody, version=9, known_ms=200)


def test_each_owner_has_a_week_of_their_own() -> None:
    told = np.zeros(1, TOLD)[0]
    before, after = a_custody(insights_per_week=1), a_custody(insights_per_week=1, from_ms=NOON_MS + DAY_MS)
    assert say(told, "descale", 1, NOON_MS, before)
    assert say(told, "filter_blocking", 2, NOON_MS + 2 * DAY_MS, after)
    assert not say(told, "cycle_cost", 3, NOON_MS + 3 * DAY_MS, after)
