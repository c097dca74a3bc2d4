"""What the engine tells of itself while it works: metrics, logs, and since when something lasts.

In:            calls of the engine, from its event loop and its threads.
Out:           `streams.meters`, the log, and what `streams.health` judges by.
Guarantee:     no call blocks, and none raises: whatever goes wrong in here is counted and told once.
On failure:    a number is missing; the stream goes on.
"""

from __future__ import annotations

import functools
import logging
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Concatenate, ParamSpec

from schemas.failures import Reason
from streams.batch import Outputs, Place
from streams.health import named
from streams.intake import Record
from streams.logs import LOG, tell
from streams.memory import Position
from streams.meters import Meters, Tally

REFUSED_EVERY_S = 10.0
"""Shortest time between two lines about uploads refused for one reason."""

P = ParamSpec("P")


def _harmless(method: Callable[Concatenate[Watch, P], None]) -> Callable[Concatenate[Watch, P], None]:
    @functools.wraps(method)
    def guarded(self: Watch, /, *args: P.args, **kwargs: P.kwargs) -> None:
        try:
            method(self, *args, **kwargs)
        except Exception:
            self.meters.add("vaxel_observation_faults_total")
            if not self.has_complained:
                self.has_complained = True
                LOG.warning("observing the engine failed; told once", exc_info=True)

    return guarded


class Refusals:
    """Refused uploads that nobody has been told of yet, by reason. Pure: the time is given."""

    def __init__(self) -> None:
        self._counts: Counter[Reason] = Counter()
        self._examples: dict[Reason, str] = {}
        self._told_s: dict[Reason, float] = {}

    def add(self, place: Place, tally: Tally) -> None:
        """Remember what a checkpoint refused."""
        self._counts.update(tally.refused)
        self._examples.update({reason: f"{named(place)}@{offset}" for reason, offset in tally.example.items()})

    def due(self, now_s: float) -> list[tuple[Reason, int, str]]:
        """Reason, count and place of one of them, for each reason not told of within `REFUSED_EVERY_S`."""
        ready = [
            reason
            for reason in self._counts
            if reason not in self._told_s or now_s - self._told_s[reason] >= REFUSED_EVERY_S
        ]
        self._told_s.update(dict.fromkeys(ready, now_s))
        return [(reason, self._counts.pop(reason), self._examples.pop(reason)) for reason in ready]


class Watch:
    """The engine's observer.

    Attributes:
        meters: Counters and histograms.
        newest: What each partition's newest checkpoint committed.
        sharing_since_s: When the group began to share out partitions, or the worker to wait for its first; else None.
        taking_over_since_s: When each partition now being taken over was given to this worker.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.meters = Meters()
        self.newest: dict[Place, Tally] = {}
        self.taking_over_since_s: dict[Place, float] = {}
        self.sharing_since_s: float | None = clock()
        self.has_complained = False
        self._clock = clock
        self._tallies: dict[Place, Tally] = {}
        self._refusals = Refusals()
        self._refusals_lock = threading.Lock()

    @_harmless
    def took_in(self, place: Place, records: Sequence[Record], outputs: Outputs) -> None:
        """A run was taken in, not committed yet."""
        received_at_ms = (records[0].timestamp, records[-1].timestamp) if records else None
        self._tallies.setdefault(place, Tally()).add(len(records), received_at_ms, outputs)

    @_harmless
    def committed(self, place: Place, position: Position, transaction_bytes: int, seconds: float) -> None:
        """A checkpoint is done."""
        tally = self._tallies.pop(place, Tally())
        tally.transaction_bytes = transaction_bytes
        self.newest[place] = tally
        self.meters.checkpoint(place.topic, place.partition, tally, seconds)
        with self._refusals_lock:
            self._refusals.add(place, tally)
        facts = {"uploads": tally.uploads, "next_offset": position.next_offset, "bytes": transaction_bytes}
        tell(logging.DEBUG, "checkpoint", place=named(place), **facts, seconds=round(seconds, 4))

    def oldest_uncommitted_ms(self, place: Place) -> int | None:
        """When Kafka took in the oldest upload that was taken in here and is not committed yet; from any thread."""
        tally = self._tallies.get(place)
        return None if tally is None else tally.oldest_received_at_ms

    @_harmless
    def tell_refused(self) -> None:
        """Log what was refused lately; call it every second or so."""
        with self._refusals_lock:
            due = self._refusals.due(self._clock())
        for reason, count, example in due:
            tell(logging.WARNING, "uploads refused", reason=reason, count=count, example=example)

    @_harmless
    def take_over_began(self, place: Place) -> None:
        """The partition is this worker's; its state is not here yet."""
        self._tallies.pop(place, None)
        self.newest.pop(place, None)
        self.taking_over_since_s[place] = self._clock()

    @_harmless
    def take_over_given_up(self, place: Place) -> None:
        """The partition is somebody else's again."""
        self.taking_over_since_s.pop(place, None)

    @_harmless
    def taken_over(self, place: Place, position: Position, sizes: Mapping[str, tuple[int, int]]) -> None:
        """The partition's state is here."""
        seconds = self._clock() - self.taking_over_since_s.pop(place)
        self.meters.observe("vaxel_recovery_seconds", seconds, (place.topic,))
        facts = {"seconds": round(seconds, 3), "next_offset": position.next_offset}
        rows = {name: count for name, (count, _) in sizes.items()}
        tell(logging.INFO, "taken over", place=named(place), **facts, state_rows=rows)

    @_harmless
    def sought_again(self, place: Place) -> None:
        """A run did not follow what was taken in."""
        self.meters.add("vaxel_seeks_again_total", labels=(place.topic,))
        tell(logging.INFO, "a run does not follow: sought again", place=named(place))

    @_harmless
    def paused(self) -> None:
        """The engine takes nothing in: partitions are shared out anew, or the worker stops."""
        self.sharing_since_s = self._clock()
        tell(logging.INFO, "pausing, to finish and commit")

    @_harmless
    def resumed(self, assigned: Iterable[Place], kept: Iterable[Place]) -> None:
        """The group has shared out its partitions, and the engine takes in what is its own."""
        seconds = 0.0 if self.sharing_since_s is None else self._clock() - self.sharing_since_s
        self.sharing_since_s = None
        self.meters.add("vaxel_rebalances_total")
        names = {"assigned": sorted(map(named, assigned)), "kept": sorted(map(named, kept))}
        tell(logging.INFO, "partitions assigned", **names, seconds=round(seconds, 3))
