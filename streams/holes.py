"""Numbers that leave dedup's window without ever having come: holes, which a back-fill may close. Pure.

From dedup's window alone it could not be told later whether such a number had come. So it is waited for by name
(`streams.awaited`): it is taken, once, whenever it comes within a week.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from streams.dedupe import NEVER, WINDOW, Deduped, Verdict

Ints = npt.NDArray[np.int64]
Bits = npt.NDArray[np.uint64]

MOST_HOLES = 256
"""Of a device that are waited for, the highest; so after a jump the nearest below the window."""

_ALL = np.uint64(0xFFFF_FFFF_FFFF_FFFF)


@dataclass(frozen=True)
class Holes:
    """Numbers that left the window in a batch; those of a device together and ascending.

    Attributes:
        received_ms: When an upload came that moved the window past it.
    """

    slot: Ints
    seq: Ints
    received_ms: Ints


def holes(judged: Deduped, lowest: Ints, slot: Ints, seq: Ints, received_at_ms: Ints) -> Holes:
    """Numbers that nothing was accepted under, and that dedup's window has left behind in a batch.

    Args:
        judged: What dedup said of the batch.
        lowest: Lowest number ever accepted of each device of `judged`: nobody waits for what was before it.
        slot, seq, received_at_ms: Of each upload of the batch.
    """
    near, far = _leaving(judged, lowest, slot, seq)
    found = [_of_near(judged, near, slot, seq, received_at_ms)]
    found += [
        _of_device(judged, at, int(lowest[at]), seq[rows], received_at_ms[rows])
        for at, rows in _uploads_of(judged, far, slot)
    ]
    return Holes(*(np.concatenate(columns) for columns in zip(*found, strict=True)))


def _leaving(judged: Deduped, lowest: Ints, slot: Ints, seq: Ints) -> tuple[Bits, Ints]:
    """Of each device the bits that were not set and have left the window; and devices that need a closer look, which
    have moved by more than a window and not number by number."""
    before = judged.newest_before
    moved = judged.newest - before
    is_far = (before == NEVER) | (moved >= WINDOW)
    by = np.clip(moved, 0, WINDOW - 1).astype(np.uint64)
    left = np.where(by > 0, _ALL << (np.uint64(WINDOW) - by) % np.uint64(WINDOW), np.uint64(0))
    # Bits below the device's first number say nothing.
    known = np.clip(before - lowest + 1, 0, WINDOW).astype(np.uint64)
    is_known = np.where(known == WINDOW, _ALL, (np.uint64(1) << known % np.uint64(WINDOW)) - np.uint64(1))
    unset = ~judged.window_before & is_known
    far = np.flatnonzero(is_far & (judged.newest - WINDOW >= lowest))
    if len(far):
        own = np.searchsorted(judged.device, slot)
        news = own[(judged.verdict == Verdict.ACCEPTED) & (seq > before[own])]
        counts = np.bincount(news, minlength=len(before))
        one_by_one = counts == judged.newest - np.maximum(before, lowest - 1)
        far = far[~one_by_one[far] | (unset[far] != 0)]
    return np.where(is_far, np.uint64(0), unset & left), far


def _of_near(judged: Deduped, leaving: Bits, slot: Ints, seq: Ints, received_at_ms: Ints) -> tuple[Ints, Ints, Ints]:
    """Slot, number and time of the bits of all devices that have left the window, but for what came in the batch."""
    some = np.flatnonzero(leaving)
    which, back = np.nonzero(leaving[some, None] >> np.arange(WINDOW - 1, -1, -1, dtype=np.uint64) & np.uint64(1))
    at = some[which]
    own, number = judged.device[at], judged.newest_before[at] - (WINDOW - 1 - back)
    if not len(own):
        return own, number, number.copy()
    uploads = np.flatnonzero((judged.verdict == Verdict.ACCEPTED) & np.isin(slot, own))
    received_ms = np.zeros(len(judged.device), dtype=np.int64)
    where = np.searchsorted(judged.device, slot[uploads])
    np.maximum.at(received_ms, where, received_at_ms[uploads])
    late = uploads[seq[uploads] < judged.newest_before[where]]
    came = set(zip(slot[late].tolist(), seq[late].tolist(), strict=True))
    numbers = zip(own.tolist(), number.tolist(), strict=True)
    open_ = np.fromiter((pair not in came for pair in numbers), dtype=bool, count=len(own))
    return own[open_], number[open_], received_ms[at][open_]


def _uploads_of(judged: Deduped, devices: Ints, slot: Ints) -> list[tuple[int, Ints]]:
    """The accepted uploads of each of these devices, in order of arrival."""
    if not len(devices):
        return []
    rows = np.flatnonzero((judged.verdict == Verdict.ACCEPTED) & np.isin(slot, judged.device[devices]))
    rows = rows[np.argsort(slot[rows], kind="stable")]
    bounds = np.searchsorted(slot[rows], judged.device[devices])
    ends = np.searchsorted(slot[rows], judged.device[devices], side="right")
    return [
        (at, rows[start:end]) for at, start, end in zip(devices.tolist(), bounds.tolist(), ends.tolist(), strict=True)
    ]


def _of_device(judged: Deduped, at: int, lowest: int, seq: Ints, received_ms: Ints) -> tuple[Ints, Ints, Ints]:
    """The same of one device, from its accepted uploads."""
    before = int(judged.newest_before[at])
    top = np.maximum.accumulate(np.append(before, seq))
    raises = np.flatnonzero(top[1:] > top[:-1])
    past, newest = top[raises], top[raises + 1]
    first = np.maximum(np.maximum(past, lowest) - WINDOW + 1, newest - WINDOW - MOST_HOLES + 1)
    first = np.maximum(first, lowest)
    counts = np.maximum(newest - WINDOW - first + 1, 0)
    step = np.repeat(np.arange(len(counts)), counts)
    number = first[step] + np.arange(len(step)) - (np.cumsum(counts) - counts)[step]
    back = before - number
    within = (back >= 0) & (back < WINDOW) & (before != NEVER)
    bit = judged.window_before[at] >> np.where(within, back, 0).astype(np.uint64) & np.uint64(1)
    came = (within & (bit == 1)) | np.isin(number, seq)
    number = number[~came]
    return np.full(len(number), judged.device[at]), number, received_ms[raises][step][~came]
