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
Mask = npt.NDArray[np.bool_]
Columns = tuple[Ints, Ints, Ints]

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

    Of a device the highest `MOST_HOLES` at most, and those that late uploads of the batch name.

    Args:
        judged: What dedup said of the batch.
        lowest: Lowest number ever accepted of each device of `judged`: nobody waits for what was before it.
        slot, seq, received_at_ms: Of each upload of the batch.
    """
    near, far = _leaving(judged, lowest, slot, seq)
    found = [_of_near(judged, near, slot, seq, received_at_ms)]
    if len(far):
        found += _of_far(judged, far, lowest, slot, seq, received_at_ms)
    own, number, received_ms = (np.concatenate(columns) for columns in zip(*found, strict=True))
    order = np.lexsort((number, own))
    return Holes(own[order], number[order], received_ms[order])


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


def _of_near(judged: Deduped, leaving: Bits, slot: Ints, seq: Ints, received_at_ms: Ints) -> Columns:
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
    open_ = ~_among((own, number), (slot[late], seq[late]))
    return own[open_], number[open_], received_ms[at][open_]


def _of_far(
    judged: Deduped, far: Ints, lowest: Ints, slot: Ints, seq: Ints, received_at_ms: Ints
) -> tuple[Columns, Columns]:
    """The same of devices that have moved by more than a window, from their accepted uploads: the highest numbers, and
    lower ones that late uploads name."""
    device = judged.device[far]
    rows = np.flatnonzero((judged.verdict == Verdict.ACCEPTED) & np.isin(slot, device))
    rows = rows[np.argsort(slot[rows], kind="stable")]
    accepted = slot[rows], seq[rows]
    counts = np.searchsorted(slot[rows], device, side="right") - np.searchsorted(slot[rows], device)
    steps = _steps(judged, far, lowest, rows, counts, seq)
    # So many may be passed over since they came; whatever lies below them and the highest is waited for no more.
    most = MOST_HOLES + WINDOW + counts
    totals = np.append(0, np.cumsum(steps.end - steps.first))
    above = totals[np.searchsorted(steps.at, steps.at, side="right")] - totals[1:]
    lengths = np.minimum(steps.end - steps.first, np.maximum(most[steps.at] - above, 0))
    step = np.repeat(np.arange(len(lengths)), lengths)
    number = steps.end[step] - lengths[step] + np.arange(len(step)) - (np.cumsum(lengths) - lengths)[step]
    open_ = ~_came(judged, far[steps.at[step]], number, accepted)
    step, number = step[open_], number[open_]
    own_end = np.searchsorted(steps.at[step], steps.at[step], side="right")
    highest = own_end - np.arange(len(step)) <= MOST_HOLES
    step, number = step[highest], number[highest]
    found = device[steps.at[step]], number, received_at_ms[rows[steps.row[step]]]

    late = np.flatnonzero((judged.verdict == Verdict.LATE) & np.isin(slot, device))
    late = late[np.unique(_pairs((slot[late], seq[late])), return_index=True)[1]]
    late = late[~_among((slot[late], seq[late]), found[:2])]
    at, named = np.searchsorted(device, slot[late]), seq[late]
    step = _step_with(steps, at, named)
    open_ = (step >= 0) & ~_came(judged, far[at], named, accepted)
    step, late = step[open_], late[open_]
    return found, (slot[late], seq[late], received_at_ms[rows[steps.row[step]]])


@dataclass(frozen=True)
class _Steps:
    """Uploads that moved a window on, those of a device together, and the numbers [first, end) that left it.

    Attributes:
        at: Which of the devices.
        row: Which of their uploads.
    """

    at: Ints
    row: Ints
    first: Ints
    end: Ints


def _steps(judged: Deduped, far: Ints, lowest: Ints, rows: Ints, counts: Ints, seq: Ints) -> _Steps:
    """The steps that devices took in a batch; of each at most the highest `MOST_HOLES` numbers, before it is asked
    which of them came.

    Args:
        rows, counts: Accepted uploads of these devices, and how many each has.
    """
    begins = np.cumsum(counts) - counts
    at = np.repeat(np.arange(len(far)), counts)
    # Before its uploads each device's newest number of before. By rank, so that devices can be told apart in one sum.
    numbers = np.insert(seq[rows], begins, judged.newest_before[far])
    own = np.insert(at, begins, np.arange(len(far)))
    known, rank = np.unique(numbers, return_inverse=True)
    top = known[np.maximum.accumulate(rank + own * len(known)) - own * len(known)]
    raises = np.flatnonzero((own[1:] == own[:-1]) & (top[1:] > top[:-1])) + 1
    own, past, newest = own[raises], top[raises - 1], top[raises]
    low = lowest[far][own]
    first = np.maximum(np.maximum(past, low) - WINDOW + 1, newest - WINDOW - MOST_HOLES + 1)
    first = np.maximum(first, low)
    end = np.maximum(newest - WINDOW + 1, first)
    return _Steps(own, raises - 1 - own, first, end)


def _step_with(steps: _Steps, at: Ints, number: Ints) -> Ints:
    """The step with which each number left its device's window; -1 where none did."""
    if not len(steps.at) or not len(at):
        return np.full(len(at), -1)
    known, rank = np.unique(np.concatenate([steps.first, number]), return_inverse=True)
    keys = np.concatenate([steps.at, at]) * len(known) + rank
    step = np.searchsorted(keys[: len(steps.at)], keys[len(steps.at) :], side="right") - 1
    within = (step >= 0) & (steps.at[step] == at) & (number < steps.end[step])
    return np.where(within, step, -1)


def _came(judged: Deduped, at: Ints, number: Ints, accepted: tuple[Ints, Ints]) -> Mask:
    """Whether numbers of devices (by their place among the judged) came before the batch, or in it."""
    before = judged.newest_before[at]
    back = before - number
    within = (back >= 0) & (back < WINDOW) & (before != NEVER)
    bit = judged.window_before[at] >> np.where(within, back, 0).astype(np.uint64) & np.uint64(1)
    came: Mask = (within & (bit == 1)) | _among((judged.device[at], number), accepted)
    return came


def _among(some: tuple[Ints, Ints], others: tuple[Ints, Ints]) -> Mask:
    """Which slots and numbers are among others."""
    keys = _pairs(tuple(np.concatenate(both) for both in zip(some, others, strict=True)))
    among: Mask = np.isin(keys[: len(some[0])], keys[len(some[0]) :])
    return among


def _pairs(of: tuple[Ints, ...]) -> Ints:
    """Slots and numbers, each two as one integer; only those of one call can be compared."""
    slot, seq = of
    known, rank = np.unique(seq, return_inverse=True)
    return slot * len(known) + rank
