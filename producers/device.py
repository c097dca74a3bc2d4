"""The life of one device: sessions as they come, heartbeats in between. The same from its first day on, each time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import count
from random import Random
from typing import Protocol

from producers.uploads import Upload
from schemas.fleet import LifeEvent

READINGS_PER_UPLOAD = 20

_QUIET_MS = 60_000


@dataclass(frozen=True, slots=True)
class Episode:
    """A session or a heartbeat that happened. It costs little until its uploads are asked for.

    Attributes:
        told_at_ms: When the last of its uploads is sent; at least one is.
        uploads: Gives them in the order of their sending.
    """

    told_at_ms: int
    uploads: Callable[[], list[Upload]]


class Machine(Protocol):
    """A device that keeps count of itself. Every call moves its counters."""

    heartbeat_every_ms: int

    def session(self, start_ms: int) -> Episode:
        """A session from `start_ms` on."""
        ...

    def heartbeat(self, at_ms: int) -> Episode:
        """An upload without readings."""
        ...

    def happen(self, event: LifeEvent) -> None:
        """Something happened to the device: from the next session or heartbeat on, it is as the event says."""
        ...


def life(
    machine: Machine, starts: Iterable[int], start_ms: int, rng: Random, events: Sequence[LifeEvent] = ()
) -> Iterator[Episode]:
    """What happens from `start_ms` on, without end, ascending in the numbers and times of its uploads.

    A start that falls into a running session is left out. Nothing is sent between the uploads of a session: any other
    upload would tell that the session is over. An event in the middle of a session waits for its end.

    Args:
        events: Of this device, in the order of time; those before `start_ms` happen first.
    """
    waiting = list(reversed(events))

    def catch_up(until_ms: int) -> None:
        while waiting and waiting[-1].at_ms <= until_ms:
            machine.happen(waiting.pop())

    heartbeat_ms = start_ms + rng.randint(0, machine.heartbeat_every_ms)
    free_ms = start_ms
    for session_ms in starts:
        if session_ms < free_ms:
            continue
        while heartbeat_ms < session_ms - _QUIET_MS:
            catch_up(heartbeat_ms)
            yield machine.heartbeat(heartbeat_ms)
            heartbeat_ms += machine.heartbeat_every_ms
        catch_up(session_ms)
        session = machine.session(session_ms)
        free_ms = session.told_at_ms + _QUIET_MS
        heartbeat_ms = max(heartbeat_ms, free_ms)
        yield session
    for at_ms in count(heartbeat_ms, machine.heartbeat_every_ms):
        catch_up(at_ms)
        yield machine.heartbeat(at_ms)
