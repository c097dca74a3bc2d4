"""The order of things in a device's life."""

from __future__ import annotations

from itertools import pairwise, takewhile
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from producers.device import Episode, life
from producers.fleet_calendar import DAY_MS, HOUR_MS
from producers.uploads import Upload
from schemas.fleet import LifeEvent

RUN_MS = HOUR_MS


class Diary:
    """A machine that notes what it is told; a session lasts an hour."""

    heartbeat_every_ms = 12 * HOUR_MS

    def __init__(self) -> None:
        self.notes: list[tuple[str, int]] = []

    def session(self, start_ms: int) -> Episode:
        return self._episode("session", start_ms, start_ms + RUN_MS)

    def heartbeat(self, at_ms: int) -> Episode:
        return self._episode("heartbeat", at_ms, at_ms)

    def happen(self, event: LifeEvent) -> None:
        self.notes.append(("event", event.at_ms))

    def _episode(self, kind: str, at_ms: int, told_at_ms: int) -> Episode:
        self.notes.append((kind, at_ms))
        return Episode(told_at_ms, list[Upload])


def event(at_ms: int) -> LifeEvent:
    return LifeEvent(
        device_id="wm-7-000001",
        at_ms=at_ms,
        kind="board_swapped",
        customer_id=None,
        health_consent=None,
        country="SE",
        time_zone="Europe/Stockholm",
        firmware="3.2.1",
        board_no=1,
        mistake=None,
    )


def lived(starts: list[int], events: list[int], until_ms: int, seed: int = 1) -> list[tuple[str, int]]:
    diary = Diary()
    episodes = life(diary, starts, 0, Random(seed), [event(at_ms) for at_ms in events])
    assert list(takewhile(lambda episode: episode.told_at_ms < until_ms, episodes))
    return diary.notes


def test_an_event_in_the_middle_of_a_session_waits_for_its_end() -> None:
    """A session from 30:00 to 31:00, an event at 30:30, the next session at 32:00."""
    notes = lived([30 * HOUR_MS, 32 * HOUR_MS], [30 * HOUR_MS + HOUR_MS // 2], 3 * DAY_MS)
    kinds = [kind for kind, at_ms in notes if at_ms >= 30 * HOUR_MS]
    assert kinds[:3] == ["session", "event", "session"]


def test_events_before_the_first_upload_happen_first() -> None:
    assert lived([], [-5, -3], DAY_MS)[:2] == [("event", -5), ("event", -3)]


@given(
    starts=st.lists(st.integers(0, 10 * DAY_MS), max_size=12).map(sorted),
    events=st.lists(st.integers(-DAY_MS, 10 * DAY_MS), max_size=12).map(sorted),
    seed=st.integers(0, 1_000),
)
def test_every_event_happens_once_between_what_was_before_and_what_comes_after(
    starts: list[int], events: list[int], seed: int
) -> None:
    notes = lived(starts, events, 14 * DAY_MS, seed)
    assert [at_ms for kind, at_ms in notes if kind == "event"] == events
    told = [note for note in notes if note[0] != "event"]
    assert told == lived(starts, [], 14 * DAY_MS, seed)  # events move nothing
    assert all(before[1] <= after[1] for before, after in pairwise(told))
    for place, (kind, at_ms) in enumerate(notes):
        if kind == "event":
            assert all(note[1] >= at_ms for note in notes[place:] if note[0] != "event")
            assert all(note[1] < at_ms for note in notes[:place] if note[0] != "event")
