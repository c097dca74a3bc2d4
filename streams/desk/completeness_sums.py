"""What devices counted against what of it arrived, by span, and by month and custody. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntFlag

import numpy as np
import numpy.typing as npt

from schemas.desk import CompletenessVerdict
from streams.counters import NO_BOARD
from streams.desk.completeness_refusals import Fall
from streams.desk.completeness_spans import DAY_MS, MM_PER_M, UNKNOWN, UWH_PER_WH, brought
from streams.desk.register import Custody
from streams.store import Records

Ints = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]

NOBODY = np.iinfo(np.int64).min
"""In place of the begin of a custody."""

MOST_PER_UPLOAD = (5_000 * UWH_PER_WH, 50_000 * MM_PER_M)
"""What an upload of a washer, and one of a shoe, brings at most: a counter that advanced by more over the uploads that
are missing has jumped."""


class Sign(IntFlag):
    """What is to be seen in a device's uploads of a month."""

    GAP = 1
    SURPLUS = 2
    SWAPPED = 4
    UNEXPLAINED = 8
    RESET = 16
    ROLLOVER = 32


PRECEDENCE: tuple[tuple[Sign, CompletenessVerdict], ...] = (
    (Sign.UNEXPLAINED, "unexplained"),
    (Sign.RESET, "reset"),
    (Sign.ROLLOVER, "rollover"),
    (Sign.SURPLUS, "surplus"),
    (Sign.GAP, "gap"),
    (Sign.SWAPPED, "swapped"),
)
"""Of several signs the first one is the verdict: what makes the counter worthless as a witness comes before what it
says; none is complete."""

SIGN_OF_FALL = {Fall.RESET: Sign.RESET, Fall.ROLLOVER: Sign.ROLLOVER, Fall.UNEXPLAINED: Sign.UNEXPLAINED}


def verdict(signs: int) -> CompletenessVerdict:
    """The verdict of a month with these signs."""
    return next((said for sign, said in PRECEDENCE if signs & sign), "complete")


@dataclass(frozen=True)
class Weighed:
    """Of each span, with the step from the one before it: what was counted and what arrived, in small units.

    Attributes:
        hole: Numbers between it and the one before.
        is_swap: Another board than the one before was declared.
    """

    counted: Ints
    arrived: Ints
    hole: Ints
    signs: Ints
    is_swap: Mask


def weigh(spans: Records) -> Weighed:
    """Weigh spans, given by device and number, all of each device.

    From one upload to a later one a washer's counter advances by the energy of the later one's readings and of all that
    is missing between; a shoe's by how much further its run came, or by the distance of a new run. A lost upload in the
    middle of a run is bridged by the next one, which tells how far the run had come.

    Counters are compared to what their own digits can tell: each of two is rounded by half of its last digit, and each
    reading's energy by half a microwatt-hour, each run's distance by half a centimetre.
    """
    spans = _resolved(spans)
    follows = np.ones(len(spans), dtype=bool)
    follows[:1] = False
    follows[1:] = spans["slot"][1:] == spans["slot"][:-1]
    before = spans[np.maximum(np.arange(len(spans)) - 1, 0)]
    alone = before.copy()
    alone["last_label_ms"] = 0
    arrived = np.where(follows, brought(before, spans), brought(alone, spans))
    hole = np.where(follows, spans["first_seq"] - before["next_seq"], 0)
    margin = _margins(spans)

    step = spans["first_counter"] - before["last_counter"]
    excess = np.where(follows, step - arrived, 0)
    board = _last_said(spans, follows)
    said_before = np.append(NO_BOARD, board[:-1])[: len(spans)]
    is_swap = follows & (spans["board"] != NO_BOARD) & (spans["board"] != said_before)
    # Older firmware does not say its board. One that says it for the first time is another only if its counters are.
    is_first_said = said_before == NO_BOARD
    continues = (np.abs(excess) <= margin) | ((excess > 0) & (hole > 0))
    is_swap &= ~(is_first_said & ((spans["board"] == 0) | continues))
    excess[is_swap] = 0

    # In floats: a counter of uploads may jump by so much that 64 bits do not hold it.
    most = np.where(spans["is_shoe"], *map(float, MOST_PER_UPLOAD[::-1])) * hole
    jumped = (excess > margin + most) & (excess > margin)
    fell = (excess < -margin) & (step < -margin)
    within = spans["last_counter"] - spans["first_counter"] - spans["inner"]
    signs = np.zeros(len(spans), dtype=np.int64)
    signs |= np.where(jumped | fell | (within > margin), Sign.UNEXPLAINED, 0)
    signs |= np.where((excess > margin) & ~jumped, Sign.GAP, 0)
    signs |= np.where(((excess < -margin) & ~fell) | (within < -margin), Sign.SURPLUS, 0)
    signs |= np.where(is_swap, Sign.SWAPPED, 0)

    counts = ~spans["is_settled"]
    return Weighed(
        counted=np.where(counts, arrived + excess + spans["last_counter"] - spans["first_counter"], 0),
        arrived=np.where(counts, arrived + spans["inner"], 0),
        hole=np.where(counts, hole, 0),
        signs=np.where(counts, signs, 0),
        is_swap=is_swap & counts,
    )


def months(day: Ints) -> Ints:
    """The month of each day, both counted since 1970."""
    days = np.asarray(day, dtype=np.int64).astype("datetime64[D]")
    return days.astype("datetime64[M]").astype(np.int64)


def custodies(day: Ints, known: tuple[Custody, ...]) -> Ints:
    """Since when whoever has a device at the end of each day has had it; `NOBODY` where nobody has.

    By whole days, so that a custody that is told late divides what came before it as one that was known.
    """
    begins = np.full(len(day), NOBODY)
    last_ms = (np.asarray(day, dtype=np.int64) + 1) * DAY_MS - 1
    for custody in known:
        end_ms = np.iinfo(np.int64).max if custody.to_ms is None else custody.to_ms
        begins[(custody.from_ms <= last_ms) & (last_ms < end_ms)] = custody.from_ms
    return begins


def _resolved(spans: Records) -> Records:
    """The same; uploads of a run without readings are where the upload before was."""
    unknown = np.flatnonzero(spans["first_amount"] == UNKNOWN)
    if not len(unknown):
        return spans
    spans = spans.copy()
    for at in unknown.tolist():
        own, before = spans[at], spans[at - 1]
        same = at > 0 and before["slot"] == own["slot"] and before["last_label_ms"] == own["first_label_ms"]
        spans["first_amount"][at] = spans["last_amount"][at] = before["last_amount"] if same else 0
    return spans


def _margins(spans: Records) -> Ints:
    """How far counter and readings may be apart in a span, or between it and the one before."""
    slot = spans["slot"]
    first = np.flatnonzero(np.append(True, np.diff(slot) != 0)[: len(slot)])
    if not len(first):
        return np.empty(0, dtype=np.int64)
    counts = np.diff(np.append(first, len(slot)))
    # Of a counter whose last digits happened to be 0 more is known once others are: its device's finest one counts.
    decimals = np.repeat(np.maximum.reduceat(spans["decimals"], first), counts).astype(np.int64)
    unit = np.where(spans["is_shoe"], MM_PER_M, UWH_PER_WH)
    of_counter = unit // 10**decimals
    of_readings = np.where(spans["is_shoe"], 5, 0.5) * (spans["roundings"] + 1)
    margins: Ints = of_counter + np.ceil(of_readings).astype(np.int64)
    return margins


def _last_said(spans: Records, follows: Mask) -> Ints:
    """The board that each span's device last said, it or one before; `NO_BOARD` where none did."""
    says = (spans["board"] != NO_BOARD) | ~follows
    at = np.maximum.accumulate(np.where(says, np.arange(len(spans)), 0))
    board: Ints = spans["board"][at].astype(np.int64)
    return board
