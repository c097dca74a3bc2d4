"""Sums of spans by device, month and custody, and which of them are news. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from streams.desk.completeness_refusals import Fall
from streams.desk.completeness_sums import NOBODY, SIGN_OF_FALL, Weighed, custodies, months
from streams.desk.register import Custody
from streams.store import Records

Ints = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]

SUM = np.dtype(
    [
        ("slot", "i8"),
        ("month", "i8"),
        ("custody_from_ms", "i8"),
        ("is_shoe", "?"),
        ("counted", "i8"),
        ("arrived", "i8"),
        ("missing", "i8"),
        ("refused", "i8"),
        ("signs", "i8"),
        ("swaps", "i8"),
        ("known_ms", "i8"),
    ]
)
"""`missing`, `refused`: upload numbers; `swaps`: of boards, within it; `month`: since 1970."""

_BOUNDS = np.iinfo(np.int64)
_HALF_BITS = 32

AMOUNTS = ("counted", "arrived", "missing", "refused", "swaps")


def placed(spans: Records, of: Callable[[int], Sequence[Custody]]) -> tuple[Ints, Ints]:
    """Month and begin of the custody of each span.

    Args:
        spans: By device.
        of: Custodies of a device.
    """
    since = np.full(len(spans), NOBODY)
    first = np.flatnonzero(np.append(True, np.diff(spans["slot"]) != 0)[: len(spans)]).tolist()
    for start, end in zip(first, [*first, len(spans)][1:], strict=True):
        since[start:end] = custodies(spans["day"][start:end], tuple(of(int(spans["slot"][start]))))
    return months(spans["day"]), since


def refusals(spans: Records, refused: Records) -> tuple[Ints, Ints, Ints]:
    """How many refused numbers belong to each span, how many of them lie in the hole before it, and signs of falls.

    A refused number belongs to the next span, behind the last one to the last. One that was accepted since belongs to
    none. Of counters that fell the first fall says what happened.

    Args:
        spans, refused: By device and number.
    """
    belong, in_hole, signs = (np.zeros(len(spans), dtype=np.int64) for _ in range(3))
    if not len(refused) or not len(spans):
        return belong, in_hole, signs
    for slot in np.unique(refused["slot"]).tolist():
        start, end = np.searchsorted(spans["slot"], [slot, slot + 1]).tolist()
        if start == end:
            continue
        own, mine = spans[start:end], refused[refused["slot"] == slot]
        at = np.searchsorted(own["first_seq"], mine["seq"], side="right")
        came = (at > 0) & (mine["seq"] < own["next_seq"][np.maximum(at - 1, 0)])
        mine, at = mine[~came], at[~came]
        to = start + np.minimum(at, end - start - 1)
        np.add.at(belong, to, 1)
        np.add.at(in_hole, to[(at > 0) & (at < end - start)], 1)
        falls = np.flatnonzero(mine["fall"] != Fall.NONE)
        if len(falls):
            signs[to[falls[0]]] |= SIGN_OF_FALL[Fall(int(mine["fall"][falls[0]]))]
    return belong, in_hole, signs


def sums(
    spans: Records, weighed: Weighed, place: tuple[Ints, Ints], refused: tuple[Ints, Ints, Ints], chosen: Mask
) -> Records:
    """Sums of the chosen spans by device, month and custody, in this order."""
    month, since = place
    belong, in_hole, signs = refused
    same = np.zeros(len(spans), dtype=bool)
    same[1:] = (spans["slot"][1:] == spans["slot"][:-1]) & (month[1:] == month[:-1]) & (since[1:] == since[:-1])
    made = np.zeros(len(spans), dtype=SUM)
    columns = {
        "slot": spans["slot"],
        "month": month,
        "custody_from_ms": since,
        "is_shoe": spans["is_shoe"],
        "counted": weighed.counted,
        "arrived": weighed.arrived,
        "missing": np.where(spans["is_settled"], 0, weighed.hole - in_hole),
        "refused": belong,
        "signs": weighed.signs | signs,
        "swaps": weighed.is_swap & same,
        "known_ms": spans["received_ms"],
    }
    for name, values in columns.items():
        made[name] = values
    return added_up(made[chosen])


def within_bounds(total: int) -> int:
    """The total, or the nearest to it that 64 bits hold: one board alone may say that it counted nearly as much."""
    return min(max(total, _BOUNDS.min), _BOUNDS.max)


def added_up(parts: Records) -> Records:
    """One row for each device, month and custody."""
    if not len(parts):
        return parts
    parts = parts[np.lexsort((parts["custody_from_ms"], parts["month"], parts["slot"]))]
    begins = np.ones(len(parts), dtype=bool)
    begins[1:] = False
    for name in ("slot", "month", "custody_from_ms"):
        begins[1:] |= np.diff(parts[name]) != 0
    first = np.flatnonzero(begins)
    made = parts[first]
    for name in AMOUNTS:
        made[name] = _totals(parts[name], first)
    made["signs"] = np.bitwise_or.reduceat(parts["signs"], first)
    for name in ("known_ms", "is_shoe"):
        made[name] = np.maximum.reduceat(parts[name], first)
    return made


def _totals(values: Ints, first: Ints) -> Ints:
    """Sums from each of these places to the next, `within_bounds`. Halves are added apart, so that none overflows."""
    low = np.add.reduceat(values & ((1 << _HALF_BITS) - 1), first)
    high = np.add.reduceat(values >> _HALF_BITS, first) + (low >> _HALF_BITS)
    totals: Ints = (high << _HALF_BITS) | (low & ((1 << _HALF_BITS) - 1))
    totals[high > _BOUNDS.max >> _HALF_BITS] = _BOUNDS.max
    totals[high < _BOUNDS.min >> _HALF_BITS] = _BOUNDS.min
    return totals
