"""Phones that lose their connection, and what leaves when it is back."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from producers.connection import (
    LONGEST_OFFLINE_MS,
    OFFLINE_SHARE,
    SHORTEST_OFFLINE_MS,
    Spell,
    connected,
    leaves_at_ms,
    offline_spells,
)
from producers.fleet_calendar import DAY_MS, FIRST_DAY_MS, HOUR_MS
from producers.uploads import Upload

NOON_MS = FIRST_DAY_MS + 12 * HOUR_MS
AFTERNOON = Spell(NOON_MS, NOON_MS + 5 * HOUR_MS)


def upload(seq: int, sent_at_ms: int) -> Upload:
    return Upload("telemetry.shoe.v1", "sh-7-000001", seq, sent_at_ms, 0, b"%d" % sent_at_ms, None)


def test_what_was_to_be_sent_without_a_connection_leaves_at_the_end_in_order() -> None:
    """12:00 offline until 17:00: a run is told minute by minute before, and at once at 17:00."""
    run = [upload(seq, NOON_MS + (seq - 2) * 60_000) for seq in range(30)]
    sent = list(connected(run, [AFTERNOON]))
    assert [left.seq for left in sent] == list(range(30))
    assert [left.sent_at_ms for left in sent[:2]] == [made.sent_at_ms for made in run[:2]]
    held = [left.sent_at_ms for left in sent[2:]]
    assert held[0] == AFTERNOON.end_ms
    assert [after - before for before, after in pairwise(held)] == [6] * 27


def test_bytes_keep_the_devices_own_times_and_the_upload_given_is_left_alone() -> None:
    made = upload(0, NOON_MS + HOUR_MS)
    (left,) = connected([made], [AFTERNOON])
    assert left.value is made.value
    assert made.sent_at_ms == NOON_MS + HOUR_MS
    (same,) = connected([made], [])
    assert same is made


@given(
    starts=st.lists(st.integers(1, 40 * 24), min_size=0, max_size=6, unique=True).map(sorted),
    hours=st.lists(st.integers(2, 72), min_size=6, max_size=6),
    made=st.lists(st.integers(0, 60 * DAY_MS), max_size=60).map(sorted),
)
def test_nothing_leaves_offline_before_it_is_made_or_out_of_order(
    starts: list[int], hours: list[int], made: list[int]
) -> None:
    spells: list[Spell] = []
    for start_h, length_h in zip(starts, hours, strict=False):
        start_ms = FIRST_DAY_MS + start_h * HOUR_MS
        if not spells or start_ms >= spells[-1].end_ms + HOUR_MS:
            spells.append(Spell(start_ms, start_ms + length_h * HOUR_MS))
    left = [leaves_at_ms(FIRST_DAY_MS + at_ms, spells) for at_ms in made]
    assert left == sorted(left)
    for at_ms, left_ms in zip(made, left, strict=True):
        assert left_ms >= FIRST_DAY_MS + at_ms
        assert not any(spell.start_ms <= left_ms < spell.end_ms for spell in spells)
        assert left_ms - FIRST_DAY_MS - at_ms <= LONGEST_OFFLINE_MS + 30_000


def test_a_few_phones_in_ten_lose_their_connection_about_once_a_fortnight() -> None:
    spells = [offline_spells(f"sh-7-{number:06d}", FIRST_DAY_MS + 140 * DAY_MS) for number in range(2_000)]
    prone = [found for found in spells if found]
    assert 0.8 * OFFLINE_SHARE < len(prone) / 2_000 < 1.2 * OFFLINE_SHARE
    assert 8 < sum(map(len, prone)) / len(prone) < 10
    lengths = [spell.end_ms - spell.start_ms for found in prone for spell in found]
    assert SHORTEST_OFFLINE_MS <= min(lengths) < 3 * HOUR_MS
    assert 60 * HOUR_MS < max(lengths) <= LONGEST_OFFLINE_MS


@given(number=st.integers(0, 300), days=st.integers(0, 100), more=st.integers(0, 100))
def test_later_days_add_spells_and_change_none(number: int, days: int, more: int) -> None:
    end_ms = FIRST_DAY_MS + days * DAY_MS
    early = offline_spells(f"sh-7-{number:06d}", end_ms)
    late = offline_spells(f"sh-7-{number:06d}", end_ms + more * DAY_MS)
    assert early == [spell for spell in late if spell.start_ms < end_ms]
    assert all(after.start_ms >= before.end_ms + HOUR_MS for before, after in pairwise(late))
