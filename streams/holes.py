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

MOST_HOLES = 256
"""Of a device that are waited for, the highest; so after a jump the nearest below the window."""

_ALL = np.uint64(0xFFFF_FFFF_FFFF_FFFF)


@dataclass(frozen=True)
class Holes:
    """Numbers that left the window in a batch; those of a device together and ascending.

    Attributes:
        received_ms: When the upload came that moved the window past it.
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
    found = [
        _of_device(judged, at, int(lowest[at]), seq[rows], received_at_ms[rows])
        for at, rows in _uploads_of(judged, np.flatnonzero(_may_have(judged, lowest)), slot)
    ]
    made = [Holes(np.full(len(seqs), own), seqs, received) for own, seqs, received in found]
    empty = np.empty(0, dtype=np.int64)
    return Holes(
        np.concatenate([empty, *(hole.slot for hole in made)]),
        np.concatenate([empty, *(hole.seq for hole in made)]),
        np.concatenate([empty, *(hole.received_ms for hole in made)]),
    )


def _may_have(judged: Deduped, lowest: Ints) -> npt.NDArray[np.bool_]:
    """Which devices need a closer look: a bit that is not set has left the window, or more than a window has passed."""
    before = judged.newest_before
    moved = judged.newest - before
    is_far = (before == NEVER) | (moved >= WINDOW)
    by = np.clip(moved, 0, WINDOW - 1).astype(np.uint64)
    left = np.where(by > 0, _ALL << (np.uint64(WINDOW - 1) - by + np.uint64(1)) % np.uint64(WINDOW), np.uint64(0))
    # Bits below the device's first number say nothing.
    known = np.clip(before - lowest + 1, 0, WINDOW).astype(np.uint64)
    is_known = np.where(known == WINDOW, _ALL, (np.uint64(1) << known % np.uint64(WINDOW)) - np.uint64(1))
    unset = ~judged.window_before & left & is_known
    may: npt.NDArray[np.bool_] = np.where(is_far, judged.newest - WINDOW >= lowest, unset != 0)
    return may


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


def _of_device(judged: Deduped, at: int, lowest: int, seq: Ints, received_ms: Ints) -> tuple[int, Ints, Ints]:
    """Slot, holes and when they were made, from the accepted uploads of one device."""
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
    return int(judged.device[at]), number[~came], received_ms[raises][step][~came]
