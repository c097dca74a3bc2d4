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

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]


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
        board: Its board; -1 where it does not say.
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
