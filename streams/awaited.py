"""Numbers of refused uploads that may still come, repaired. Pure.

Dedup remembers 64 numbers back; a repair takes days. So the number of a refused upload that could be read is kept, and
the session it belongs to with it: when an upload comes under that number, it is taken, once, however late it is.
"""

from __future__ import annotations

import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from operator import itemgetter

import numpy as np
import numpy.typing as npt

from schemas.failures import FailedEvent, Reason
from schemas.fields import EARLIEST_MS, IDENTIFIER
from schemas.uploads import Upload
from streams.admission import AHEAD_MS
from streams.dedupe import NEVER, WINDOW, Verdict, is_free
from streams.store import Rows, Store

Ints = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]
Verdicts = npt.NDArray[np.int8]

AWAITED = np.dtype([("slot", "i8"), ("seq", "i8"), ("label_ms", "i8"), ("received_ms", "i8")])

AWAITED_MS = 7 * 86_400_000
"""As long as Kafka keeps the original."""
MOST_OF_A_DEVICE = 1_024
MOST_HOLES = 256
"""Of numbers of a device that never came; after a jump, of the nearest below it."""

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
    is_instant = isinstance(started_ms, int) and EARLIEST_MS <= started_ms <= event.received_at_ms + AHEAD_MS
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


def settle(
    awaited: Awaited, hopes: Sequence[Hope], slot: Ints, seq: Ints, label_ms: Ints, offset: Ints, verdict: Verdicts
) -> None:
    """Go through a batch in order of arrival: wait for what was refused, take what had been waited for.

    A number is waited for when it was certainly free as its upload was refused; beyond dedup's window nothing is. A
    late upload is accepted if its number is waited for and it names the session that the refused one had named: of
    another one the state may have forgotten what it knew.

    Args:
        slot, seq, label_ms, offset, verdict: Of the uploads of the batch, as dedup judged them; verdicts are changed.
    """
    if not hopes and not len(awaited):
        return
    concerned = awaited.concerned(slot) | np.isin(slot, [hope.slot for hope in hopes])
    rows = np.flatnonzero(concerned & ((verdict == Verdict.ACCEPTED) | (verdict == Verdict.LATE))).tolist()
    if not rows and not hopes:
        return
    taken: defaultdict[int, _Taken] = defaultdict(_Taken)
    happened: list[tuple[int, int | Hope]] = [(int(offset[row]), row) for row in rows]
    happened += [(hope.offset, hope) for hope in hopes]
    for _, event in sorted(happened, key=itemgetter(0)):
        if isinstance(event, Hope):
            if taken[event.slot].leaves_free(event):
                awaited.add(event)
            continue
        own, number = int(slot[event]), int(seq[event])
        if verdict[event] == Verdict.ACCEPTED:
            awaited.take(own, number)
            taken[own].add(number)
        elif awaited.take(own, number, int(label_ms[event])):
            verdict[event] = Verdict.ACCEPTED
            taken[own].numbers.add(number)


class _Taken:
    """What a batch has accepted so far of one device."""

    def __init__(self) -> None:
        self.numbers: set[int] = set()
        self._newest = NEVER

    def add(self, number: int) -> None:
        self.numbers.add(number)
        self._newest = max(self._newest, number)

    def leaves_free(self, hope: Hope) -> bool:
        """Whether nothing was accepted under a number, for certain."""
        newest = max(hope.newest, self._newest)
        is_near = newest == NEVER or hope.seq > newest - WINDOW
        return is_near and hope.seq not in self.numbers and is_free(hope.seq, hope.newest, hope.window)


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

    def take(self, slot: int, seq: int, label_ms: int | None = None) -> bool:
        """Whether the number was waited for, of that session if one is named; if so, from now on it is not."""
        row = self._rows.get((slot, seq))
        if row is None or (label_ms is not None and self._store.values["label_ms"][row] != label_ms):
            return False
        del self._rows[slot, seq]
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
