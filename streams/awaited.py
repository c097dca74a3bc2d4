"""Numbers that may still come, however late: of refused uploads, repaired, and of lost ones, sent again. Pure.

Dedup remembers 64 numbers back; a repair or a back-fill takes days. So the number of a refused upload that could be
read is kept, and the session it belongs to with it; and each number that leaves dedup's window without having come
(`streams.holes`), which may belong to any session since. When an upload comes under that number, it is taken, once.
"""

from __future__ import annotations

import json
import re
from collections import Counter, defaultdict, deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import compress
from operator import itemgetter

import numpy as np
import numpy.typing as npt

from schemas.failures import FailedEvent, Reason
from schemas.fields import EARLIEST_MS, IDENTIFIER
from schemas.uploads import Upload
from streams.admission import AHEAD_MS
from streams.dedupe import NEVER, WINDOW, Verdict, is_free
from streams.holes import MOST_HOLES, Holes
from streams.store import Rows, Store

Ints = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]
Verdicts = npt.NDArray[np.int8]

AWAITED = np.dtype([("slot", "i8"), ("seq", "i8"), ("label_ms", "i8"), ("received_ms", "i8")])

AWAITED_MS = 7 * 86_400_000
"""As long as Kafka keeps the original."""
MOST_OF_A_DEVICE = 1_024
ANY_SESSION = -1
"""Of a number that never came: what it was, nobody knows."""
NO_SESSION_LATE = -2
"""Of an upload that must not come late, whatever is waited for: a power curve."""

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
    awaited: Awaited,
    hopes: Sequence[Hope],
    holes: Holes,
    slot: Ints,
    seq: Ints,
    label_ms: Ints,
    offset: Ints,
    verdict: Verdicts,
) -> None:
    """Go through a batch in order of arrival: wait for what was refused or never came, take what had been waited for.

    The number of a refused upload is waited for when it was certainly free as it was refused; beyond dedup's window
    nothing is. A late upload is accepted if its number is waited for; where the refused one had named its session, only
    if it names the same: of another one the state may have forgotten what it knew. Under a hole any session is right:
    the state remembers all that there were since (`lowest_holes`).

    Args:
        holes: Numbers that dedup's window left behind in the batch.
        slot, seq, label_ms, offset, verdict: Of the uploads of the batch, as dedup judged them; verdicts are changed.
            The label of one that must not come late is `NO_SESSION_LATE`.
    """
    awaited.add_holes(holes)
    if hopes or len(awaited):
        _go_through(awaited, hopes, slot, seq, label_ms, offset, verdict)
    awaited.forget_lowest(np.unique(holes.slot))


def _go_through(
    awaited: Awaited, hopes: Sequence[Hope], slot: Ints, seq: Ints, label_ms: Ints, offset: Ints, verdict: Verdicts
) -> None:
    # A hole lies beyond dedup's window, where nothing is accepted but what is waited for.
    concerned = awaited.concerned(slot) | np.isin(slot, [hope.slot for hope in hopes])
    rows = np.flatnonzero((concerned & (verdict == Verdict.ACCEPTED)) | (verdict == Verdict.LATE)).tolist()
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
        is_hole = values["label_ms"] == ANY_SESSION
        self._times = Counter(values["slot"][~is_hole].tolist())
        self._holes = np.bincount(values["slot"][is_hole], minlength=256)

    def __len__(self) -> int:
        return len(self._rows)

    def add(self, hope: Hope) -> None:
        """Wait for a number, unless it is waited for already, or for too many of its device."""
        key = hope.slot, hope.seq
        row = self._rows.get(key)
        if row is not None and self._store.values["label_ms"][row] == ANY_SESSION:
            self.take(*key)  # it left the window later in the same batch
        elif row is not None or self._times[hope.slot] >= MOST_OF_A_DEVICE:
            return
        self._wait(key, hope.label_ms, hope.received_ms)
        self._times[hope.slot] += 1

    def add_holes(self, holes: Holes) -> None:
        """Wait for numbers that never came."""
        keys = list(zip(holes.slot.tolist(), holes.seq.tolist(), strict=True))
        new = ~np.fromiter(map(self._rows.__contains__, keys), dtype=bool, count=len(keys))
        rows = self._store.take(int(new.sum()))
        values, slot = self._store.values, holes.slot[new]
        values["slot"][rows], values["seq"][rows], values["label_ms"][rows] = slot, holes.seq[new], ANY_SESSION
        values["received_ms"][rows] = holes.received_ms[new]
        self._rows.update(zip(compress(keys, new.tolist()), rows.tolist(), strict=True))
        counts = np.bincount(slot)
        self._holes = np.pad(self._holes, (0, max(0, len(counts) - len(self._holes))))
        self._holes[: len(counts)] += counts

    def forget_lowest(self, slots: Ints) -> None:
        """Of numbers that never came, wait for the highest `MOST_HOLES` of each of these devices only."""
        slots = slots[self._holes[slots] > MOST_HOLES]
        if not len(slots):
            return
        has_too_many = np.zeros(len(self._holes), dtype=bool)
        has_too_many[slots] = True
        rows, values = self._store.rows(), self._store.values
        rows = rows[values["label_ms"][rows] == ANY_SESSION]
        rows = rows[has_too_many[values["slot"][rows]]]
        own = values["slot"][rows]
        order = np.lexsort((values["seq"][rows], own))
        own = own[order]
        above = np.searchsorted(own, own, side="right") - np.arange(len(own))
        self._drop(rows[order][above > MOST_HOLES])

    def take(self, slot: int, seq: int, label_ms: int | None = None) -> bool:
        """Whether the number was waited for, of that session if one is named; if so, from now on it is not."""
        row = self._rows.get((slot, seq))
        if row is None:
            return False
        awaited_ms = int(self._store.values["label_ms"][row])
        if label_ms is not None and (label_ms == NO_SESSION_LATE or awaited_ms not in (ANY_SESSION, label_ms)):
            return False
        self._drop(np.array([row]))
        return True

    def lowest_holes(self, devices: int) -> Ints:
        """The lowest number that never came and is waited for, by slot; a higher one than any where there is none."""
        lowest: Ints = np.full(devices, np.iinfo(np.int64).max)
        rows = self._store.rows()
        rows = rows[self._store.values["label_ms"][rows] == ANY_SESSION]
        np.minimum.at(lowest, self._store.values["slot"][rows], self._store.values["seq"][rows])
        return lowest

    def concerned(self, slot: Ints) -> Mask:
        """Which of the slots wait for a refused upload."""
        return np.isin(slot, [own for own, times in self._times.items() if times])

    def still_wanted(self, sessions: Store, rows: Rows) -> Mask:
        """Which of those sessions wait for an upload."""
        values = self._store.values[self._store.rows()]
        values = values[values["label_ms"] != ANY_SESSION]
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

    def _wait(self, key: tuple[int, int], label_ms: int, received_ms: int) -> None:
        row = int(self._store.take(1)[0])
        self._store.values[row] = (*key, label_ms, received_ms)
        self._rows[key] = row

    def _drop(self, rows: Rows) -> None:
        values = self._store.values[rows]
        keys = zip(values["slot"].tolist(), values["seq"].tolist(), strict=True)
        deque(map(self._rows.pop, keys), maxlen=0)
        is_hole = values["label_ms"] == ANY_SESSION
        np.subtract.at(self._holes, values["slot"][is_hole], 1)
        self._times.subtract(values["slot"][~is_hole].tolist())
        self._store.free(rows)
