"""Numbers of refused uploads that may still come, repaired. Pure.

Dedup remembers 64 numbers back; a repair takes days. So the number of a refused upload that could be read is kept, and
the session it belongs to with it: when an upload comes under that number, it is taken, once, however late it is.
"""

from __future__ import annotations

import json
import re
from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from schemas.failures import FailedEvent, Reason
from schemas.fields import EARLIEST_MS, IDENTIFIER
from schemas.uploads import Upload
from streams.dedupe import NEVER, WINDOW, is_free
from streams.store import Rows, Store

Ints = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]

AWAITED = np.dtype([("slot", "i8"), ("seq", "i8"), ("label_ms", "i8"), ("received_ms", "i8")])

AWAITED_MS = 7 * 86_400_000
"""As long as Kafka keeps the original."""
MOST_OF_A_DEVICE = 1_024

SETTLED: frozenset[Reason] = frozenset(["late", "number_reused", "wrong_key"])
"""Under these numbers another upload was accepted, or the number is another device's."""

_IDENTIFIER = re.compile(IDENTIFIER)


def session_of(event: FailedEvent, model: type[Upload]) -> int | None:
    """The session's start that a refused upload names, 0 for none; None where it must not come back late.

    That is so where it cannot be told what it was, and for power curves: what was found in them is settled.
    """
    if event.seq is None or event.reason in SETTLED:
        return None
    try:
        said = json.loads(event.original)
    except (ValueError, RecursionError):
        return None
    _, start, _ = model.session_fields()
    if said.get("device_id") != event.device_id or not _IDENTIFIER.fullmatch(event.device_id or ""):
        return None
    started_ms = said.get(start)
    if started_ms is None:
        return None if said.get("offset_ms") else 0
    is_instant = isinstance(started_ms, int) and EARLIEST_MS <= started_ms <= event.received_at_ms
    return started_ms if is_instant else None


@dataclass(frozen=True)
class Hope:
    """A refused upload that may come back: its number and session, and what dedup knew before its batch.

    Attributes:
        offset: Where it was refused; what its device sent before it lies before that.
        newest, window: Of its device, before the batch.
    """

    slot: int
    seq: int
    label_ms: int
    received_ms: int
    offset: int
    newest: int
    window: int


def sure(hopes: Sequence[Hope], slot: Ints, seq: Ints, offset: Ints) -> list[Hope]:
    """Those whose number was certainly free when they were refused, and still is. Beyond the window nothing is.

    Args:
        slot, seq, offset: Of the uploads of the batch that were accepted.
    """
    near = np.isin(slot, [hope.slot for hope in hopes]) if hopes else np.zeros(len(slot), dtype=bool)
    taken: defaultdict[int, _Taken] = defaultdict(_Taken)
    for own, number, at in zip(slot[near].tolist(), seq[near].tolist(), offset[near].tolist(), strict=True):
        taken[own].add(number, at)
    found = []
    for hope in hopes:
        newest = max(hope.newest, taken[hope.slot].newest_before(hope.offset))
        is_near = newest == NEVER or hope.seq > newest - WINDOW
        if is_near and hope.seq not in taken[hope.slot].numbers and is_free(hope.seq, hope.newest, hope.window):
            found.append(hope)
    return found


class _Taken:
    """What a batch has accepted of one device, in order of arrival."""

    def __init__(self) -> None:
        self.numbers: set[int] = set()
        self._offsets: list[int] = []
        self._newest: list[int] = []

    def add(self, number: int, offset: int) -> None:
        self.numbers.add(number)
        self._offsets.append(offset)
        self._newest.append(max(number, self._newest[-1] if self._newest else NEVER))

    def newest_before(self, offset: int) -> int:
        """Highest number accepted before that offset."""
        place = bisect_left(self._offsets, offset)
        return self._newest[place - 1] if place else NEVER


class Awaited:
    """The numbers of a partition."""

    def __init__(self, store: Store) -> None:
        self._store = store
        rows = store.rows()
        values = store.values[rows]
        keys = zip(values["slot"].tolist(), values["seq"].tolist(), strict=True)
        self._rows: dict[tuple[int, int], int] = dict(zip(keys, rows.tolist(), strict=True))
        self._times = Counter(values["slot"].tolist())

    def __len__(self) -> int:
        return len(self._rows)

    def add(self, hope: Hope) -> None:
        """Wait for a number, unless it is waited for already, or for too many of its device."""
        key = hope.slot, hope.seq
        if key in self._rows or self._times[hope.slot] >= MOST_OF_A_DEVICE:
            return
        row = int(self._store.take(1)[0])
        self._store.values[row] = (*key, hope.label_ms, hope.received_ms)
        self._rows[key] = row
        self._times[hope.slot] += 1

    def take(self, slot: int, seq: int) -> bool:
        """Whether the number was waited for; from now on it is not."""
        row = self._rows.pop((slot, seq), None)
        if row is None:
            return False
        self._times[slot] -= 1
        self._store.free(np.array([row]))
        return True

    def concerned(self, slot: Ints) -> Mask:
        """Which of the slots wait for anything."""
        return np.isin(slot, [own for own, times in self._times.items() if times])

    def still_wanted(self, sessions: Store, rows: Rows) -> Mask:
        """Which of those sessions wait for an upload."""
        values = self._store.values[self._store.rows()]
        wanted = set(zip(values["slot"].tolist(), values["label_ms"].tolist(), strict=True))
        own = sessions.values[rows]
        keys = zip(own["slot"].tolist(), own["label_ms"].tolist(), strict=True)
        return np.fromiter((key in wanted for key in keys), dtype=bool, count=len(rows))

    def expire(self, before_ms: int) -> None:
        """Wait no longer for what was refused before that."""
        rows = self._store.rows()
        self._drop(rows[self._store.values["received_ms"][rows] < before_ms])

    def forget(self, slots: Iterable[int]) -> None:
        """Wait no longer for anything of those devices."""
        rows = self._store.rows()
        self._drop(rows[np.isin(self._store.values["slot"][rows], list(slots))])

    def _drop(self, rows: Rows) -> None:
        values = self._store.values[rows]
        for key in zip(values["slot"].tolist(), values["seq"].tolist(), strict=True):
            self.take(*key)
