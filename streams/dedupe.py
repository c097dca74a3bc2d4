"""Exact dedup of retried uploads: highest sequence number and a 64-bit window per device. Pure.

Source: the anti-replay window of IPsec (RFC 6479), decision D5. Bit i of the window says that `newest - i` has been
seen. An upload further behind than the window reaches cannot be told from a duplicate: it is late.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
import numpy.typing as npt

WINDOW = 64
NEVER = -1
_FULL = (1 << WINDOW) - 1

Ints = npt.NDArray[np.int64]


class Verdict(IntEnum):
    """What dedup says of an upload."""

    ACCEPTED = 0
    DUPLICATE = 1
    LATE = 2
    ALTERED = 3
    """Seen before, but with another body (`streams.bodies`); dedup itself knows numbers only."""


@dataclass(frozen=True)
class Deduped:
    """Verdicts in order of arrival, and the windows afterwards.

    Attributes:
        verdict: One `Verdict` per upload.
        overtaken: Per upload: its device's newest upload so far has a higher number and another label.
        left: Per upload: the label that its device's newest upload had until this one came; 0 where it is the same.
        device: Slots of the devices concerned, each once.
        newest, window, label: Their state afterwards, in the same order.
        newest_before, window_before: Their state before.
        lowest: The lowest number that was accepted of each now; `NEVER` where none was.
    """

    verdict: npt.NDArray[np.int8]
    overtaken: npt.NDArray[np.bool_]
    left: Ints
    device: Ints
    newest: Ints
    window: npt.NDArray[np.uint64]
    label: Ints
    newest_before: Ints
    window_before: npt.NDArray[np.uint64]
    lowest: Ints


def dedupe(
    slot: Ints, seq: Ints, label: Ints, newest: Ints, window: npt.NDArray[np.uint64], newest_label: Ints
) -> Deduped:
    """Judge uploads in order of arrival.

    Devices whose numbers rise without exception, nearly all, are judged together; the others upload by upload.

    Args:
        slot: Device of each upload, as an index into the device columns.
        seq: Number of each upload, >= 0.
        label: What each upload belongs to (the start of its session, 0 for none).
        newest: Highest number seen per device, `NEVER` for a new one.
        window: Bits seen per device.
        newest_label: Label of the newest upload per device.
    """
    verdict = np.full(len(slot), Verdict.ACCEPTED, dtype=np.int8)
    overtaken = np.zeros(len(slot), dtype=bool)
    left = np.zeros(len(slot), dtype=np.int64)
    if not len(slot):
        empty = np.empty(0, dtype=np.int64)
        no_bits = empty.astype(np.uint64)
        return Deduped(verdict, overtaken, left, empty, empty, no_bits, empty, empty, no_bits, empty)
    order = np.argsort(slot, kind="stable")
    device, first = np.unique(slot[order], return_index=True)
    last = np.append(first[1:], len(order)) - 1
    sorted_seq = seq[order]

    rises = np.empty(len(order), dtype=bool)
    rises[1:] = sorted_seq[1:] > sorted_seq[:-1]
    rises[first] = sorted_seq[first] > newest[device]
    simple = np.logical_and.reduceat(rises, first)

    top = sorted_seq[last]
    kept = np.where(newest[device] == NEVER, np.uint64(0), _shifted(window[device], top - newest[device]))
    bits = _shifted(np.ones(len(order), dtype=np.uint64), np.repeat(top, last - first + 1) - sorted_seq)
    new_newest = np.where(simple, top, newest[device])
    new_window = np.where(simple, kept | np.bitwise_or.reduceat(bits, first), window[device])
    sorted_label = label[order]
    new_label = np.where(simple, sorted_label[last], newest_label[device])
    before = np.empty(len(order), dtype=np.int64)
    before[1:] = sorted_label[:-1]
    before[first] = newest_label[device]
    left[order] = np.where(np.repeat(simple, last - first + 1) & (before != sorted_label), before, 0)

    lowest = np.where(simple, sorted_seq[first], NEVER)

    for index in np.flatnonzero(~simple):
        state = int(new_newest[index]), int(new_window[index])
        current = int(new_label[index])
        for place in order[first[index] : last[index] + 1]:
            number = int(seq[place])
            overtaken[place] = number < state[0] and current != label[place]
            if number > state[0]:
                left[place] = current if current != label[place] else 0
                current = int(label[place])
            verdict[place], top_seen, bits_seen = _judge(number, *state)
            if verdict[place] == Verdict.ACCEPTED:
                lowest[index] = number if lowest[index] == NEVER else min(int(lowest[index]), number)
            state = top_seen, bits_seen
        new_newest[index], new_window[index] = state
        new_label[index] = current
    return Deduped(
        verdict,
        overtaken,
        left,
        device,
        new_newest,
        new_window,
        new_label,
        newest[device].copy(),
        window[device].copy(),
        lowest,
    )


def is_free(number: int, newest: int, seen: int) -> bool:
    """Whether it is certain that nothing was accepted under a number. Beyond the window nothing is."""
    back = newest - number
    return newest == NEVER or back < 0 or (back < WINDOW and not seen >> back & 1)


def _judge(number: int, newest: int, seen: int) -> tuple[Verdict, int, int]:
    if newest == NEVER:
        return Verdict.ACCEPTED, number, 1
    if number > newest:
        ahead = number - newest
        return Verdict.ACCEPTED, number, ((seen << ahead) & _FULL if ahead < WINDOW else 0) | 1
    back = newest - number
    if back >= WINDOW:
        return Verdict.LATE, newest, seen
    if seen >> back & 1:
        return Verdict.DUPLICATE, newest, seen
    return Verdict.ACCEPTED, newest, seen | 1 << back


def _shifted(bits: npt.NDArray[np.uint64], by: Ints) -> npt.NDArray[np.uint64]:
    """Bits shifted left; a shift of 64 or more leaves none (NumPy leaves that case open)."""
    return np.where((by >= 0) & (by < WINDOW), bits << (by % WINDOW).astype(np.uint64), np.uint64(0))
