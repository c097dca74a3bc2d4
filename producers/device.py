"""The life of one device during the simulated days: sessions as they come, heartbeats in between, one at the end."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from random import Random
from typing import Protocol

from producers.uploads import Upload

READINGS_PER_UPLOAD = 20

_SEQ_EPOCH_MS = 1_577_836_800_000  # 2020-01-01 UTC
_DAY_MS = 86_400_000
_MOST_UPLOADS_A_DAY = 1_000
_QUIET_MS = 60_000


class Machine(Protocol):
    """A device that keeps count of itself. Every call makes the next uploads and moves its counters."""

    heartbeat_every_ms: int
    longest_session_ms: int

    def session(self, start_ms: int) -> list[Upload]:
        """Uploads of a session from `start_ms` on, in the order of their sending; at least one."""
        ...

    def heartbeat(self, at_ms: int) -> Upload:
        """An upload without readings."""
        ...


def first_seq(start_ms: int) -> int:
    """Number of a device's first upload from `start_ms` on.

    It grows with the calendar, faster than any device sends: days simulated later continue above earlier ones,
    instead of repeating numbers that were taken already.
    """
    return max(0, (start_ms - _SEQ_EPOCH_MS) // _DAY_MS) * _MOST_UPLOADS_A_DAY


def uploads_of(machine: Machine, starts: Iterable[int], start_ms: int, end_ms: int, rng: Random) -> Iterator[Upload]:
    """Uploads of one device in [start_ms, end_ms), ascending in number and time; the last one is a heartbeat.

    A start that falls into a running session, or whose session might not end in time, is left out. Nothing is sent
    between the uploads of a session: any other upload would tell that the session is over.
    """
    last_ms = end_ms - rng.randint(1_000, 600_000)
    heartbeat_ms = start_ms + rng.randint(0, machine.heartbeat_every_ms)
    free_ms = start_ms
    for session_ms in starts:
        if session_ms < free_ms or session_ms + machine.longest_session_ms >= last_ms:
            continue
        while heartbeat_ms < session_ms - _QUIET_MS:
            yield machine.heartbeat(heartbeat_ms)
            heartbeat_ms += machine.heartbeat_every_ms
        uploads = machine.session(session_ms)
        free_ms = uploads[-1].sent_at_ms + _QUIET_MS
        heartbeat_ms = max(heartbeat_ms, free_ms)
        yield from uploads
    while heartbeat_ms < last_ms - _QUIET_MS:
        yield machine.heartbeat(heartbeat_ms)
        heartbeat_ms += machine.heartbeat_every_ms
    if last_ms > start_ms:
        yield machine.heartbeat(last_ms)
