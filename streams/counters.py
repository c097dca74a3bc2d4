"""Lifetime counters only rise: what falls is told from what a new board explains. Pure.

An upload is compared with the one of the highest number before it, so that the order of arrival does not matter much:
one that was overtaken is not judged. A higher or lower `board_no` declares that counters start again.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

COUNTERS = 3
"""Room for the counters of any product; the rest stays unknown."""

NO_BOARD = -1
"""Of an upload that does not say its board."""
SEEN = np.dtype([("next_seq", "i8"), ("board", "i8"), ("counter", "f8")])
"""Of the last upload of a device that came, accepted or not: the number after its own, 0 for none so far."""

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]
Records = npt.NDArray[np.void]


@dataclass(frozen=True)
class Counted:
    """What falls, and what is known of the devices afterwards.

    Attributes:
        fallen: Per upload: one of its counters is lower than it was. It does not count as seen.
        against: The counters that each fallen upload was compared with.
        device: Slots of the devices concerned, each once.
        board, counters: Their board and counters afterwards, in the same order.
    """

    fallen: Mask
    against: dict[int, Floats]
    device: Ints
    board: Ints
    counters: Floats


def count(
    slot: Ints,
    seq: Ints,
    board: Ints,
    counters: Floats,
    rounding: Floats,
    newest: Ints,
    known_board: Ints,
    known: Floats,
) -> Counted:
    """Judge uploads in order of arrival.

    Args:
        slot, seq: Device and number of each upload.
        board: Its board; `NO_BOARD` where it does not say.
        counters: Its counters, shape (uploads, COUNTERS); NaN where it does not say.
        rounding: By how much each counter may be lower: devices round, each version of the contract in its way.
        newest: Highest number seen per device, below 0 for a new one.
        known_board, known: Board and counters that came with it; 0 where nothing is known.
    """
    fallen = np.zeros(len(slot), dtype=bool)
    against: dict[int, Floats] = {}
    order = np.argsort(slot, kind="stable")
    device, first = np.unique(slot[order], return_index=True)
    last = np.append(first[1:], len(order)) - 1
    board_after, counters_after = known_board[device].copy(), known[device].copy()
    if not len(order):
        return Counted(fallen, against, device, board_after, counters_after)

    sorted_seq, sorted_board, sorted_counters = seq[order], board[order], counters[order]
    says = ~np.isnan(sorted_counters)
    before = np.empty_like(sorted_counters)
    before[1:] = sorted_counters[:-1]
    before[first] = known[device]
    rises = np.empty(len(order), dtype=bool)
    rises[1:] = sorted_seq[1:] > sorted_seq[:-1]
    rises[first] = sorted_seq[first] > newest[device]
    with np.errstate(invalid="ignore"):
        holds = ~(sorted_counters < before - rounding).any(axis=1)
    stays = (sorted_board < 0) | (sorted_board == np.repeat(known_board[device], last - first + 1))
    # All of a device's uploads say the same counters, or none does: then the one before is the one to compare with.
    is_simple = np.logical_and.reduceat(rises & holds & stays, first) & (
        np.logical_and.reduceat(says, first, axis=0) | ~np.logical_or.reduceat(says, first, axis=0)
    ).all(axis=1)
    after = sorted_counters[last]
    counters_after = np.where(is_simple[:, None] & ~np.isnan(after), after, counters_after)
    for index in np.flatnonzero(~is_simple).tolist():
        top, own_board, own = int(newest[device[index]]), int(board_after[index]), counters_after[index]
        for place in order[first[index] : last[index] + 1].tolist():
            if seq[place] <= top:
                continue
            is_new_board = board[place] >= 0 and board[place] != own_board
            if not is_new_board and bool((counters[place] < own - rounding).any()):
                fallen[place], against[place] = True, own.copy()
                continue
            # What a new board does not say yet, it has not begun to count.
            own = np.where(np.isnan(counters[place]), 0.0 if is_new_board else own, counters[place])
            top, own_board = int(seq[place]), int(board[place]) if board[place] >= 0 else own_board
        board_after[index], counters_after[index] = own_board, own
    return Counted(fallen, against, device, board_after, counters_after)


def growth(slot: Ints, seq: Ints, board: Ints, counter: Floats, seen: Records) -> Floats:
    """By how much a counter has risen since its device's upload before, number by number. What is seen is noted.

    NaN where that one did not come before it, was of another board, does not say, or says more. What comes again or
    late is passed over.

    Args:
        slot, seq, board, counter: Of each upload, in order of arrival.
        seen: Fields of `SEEN` per device, of the last upload that came; changed in place.
    """
    order = np.argsort(slot, kind="stable")
    order = order[_rises(slot[order], seq[order], seen["next_seq"])]
    device, number = slot[order], seq[order]
    own = np.zeros(len(order), dtype=SEEN)
    own["next_seq"], own["board"], own["counter"] = number + 1, board[order], counter[order]
    before = np.empty_like(own)
    before[1:] = own[:-1]
    first = np.ones(len(order), dtype=bool)
    first[1:] = device[1:] != device[:-1]
    before[first] = seen[device[first]]
    follows = (number == before["next_seq"]) & (before["next_seq"] > 0) & (own["board"] == before["board"])
    risen = np.full(len(slot), np.nan)
    with np.errstate(invalid="ignore"):
        rises = follows & (own["counter"] >= before["counter"])
    risen[order[rises]] = (own["counter"] - before["counter"])[rises]
    seen[device] = own  # of several of one device the last one stays
    return risen


def _rises(device: Ints, number: Ints, next_seq: Ints) -> Mask:
    """Which uploads have a higher number than all of their device before them; devices come one after the other."""
    rank = np.unique(np.concatenate([number + 1, next_seq[device]]), return_inverse=True)[1]
    own, before = rank[: len(device)], rank[len(device) :]
    group = np.cumsum(np.diff(device, prepend=device[:1]) != 0) * (2 * len(device) + 1)
    highest = np.maximum.accumulate(group + np.maximum(own, before))
    so_far = np.empty_like(highest)
    so_far[1:] = highest[:-1]
    so_far[:1] = -1
    rises: Mask = (own > before) & (group + own > so_far)
    return rises
