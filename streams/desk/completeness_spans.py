"""Upload numbers of devices that came one after the other, and what counter and readings said over them. Pure.

A span is as long as it can be: numbers without a hole, of one UTC day (of `sent_at`) and one main board. So a device's
spans depend on which uploads came, not on the order in which they did; what lies between two of them never came.
Amounts are whole microwatt-hours and millimetres, so that sums do not depend on their order either.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from streams.counters import NO_BOARD
from streams.store import Records, Rows

Ints = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]

DAY_MS = 86_400_000
UWH_PER_WH = 1_000_000
MM_PER_M = 1_000
UNKNOWN = -1
"""Of an upload of a run without readings: how far the run had come."""

SPAN = np.dtype(
    [
        ("slot", "i8"),
        ("before", "i8"),
        ("first_seq", "i8"),
        ("next_seq", "i8"),
        ("day", "i4"),
        ("board", "i4"),
        ("is_shoe", "?"),
        ("is_settled", "?"),
        ("decimals", "i1"),
        ("first_counter", "i8"),
        ("last_counter", "i8"),
        ("first_amount", "i8"),
        ("last_amount", "i8"),
        ("first_label_ms", "i8"),
        ("last_label_ms", "i8"),
        ("inner", "i8"),
        ("roundings", "i8"),
        ("received_ms", "i8"),
        ("noticed_ms", "i8"),
        ("asked_ms", "i8"),
    ]
)
"""Numbers [first_seq, next_seq) of a device.

`*_counter`, `*_amount`, `*_label_ms`: lifetime counter, energy of the readings or distance of the run, and session of
the first and last of them; `inner`: what those after the first brought; `decimals`: most digits behind the point that
its counter showed; `roundings`: of readings' energy or of runs' distance; `received_ms`: when Kafka took in the newest;
`noticed_ms`, `asked_ms`: when the hole before it was seen first, and asked for last, 0 for never; `is_settled`: counted
in its month for good, and kept only as what the next one is compared with.
"""


def runs(slot: Ints, receipts: pa.Table) -> Records:
    """The spans that these receipts alone make, by device and number; `noticed_ms` is when the first of them came.

    Uploads that tell no lifetime counter (plug meters) are passed over, as are duplicates.

    Args:
        slot: Device of each receipt.
    """
    washes = _is_valid(receipts, "lifetime_energy_wh")
    counts = washes | _is_valid(receipts, "lifetime_distance_m")
    accepted = pc.equal(receipts.column("outcome"), "accepted").to_numpy()
    chosen = np.flatnonzero(counts & np.asarray(accepted, dtype=bool))
    made = np.zeros(len(chosen), dtype=SPAN)
    if not len(chosen):
        return made
    is_shoe = ~washes
    label_ms = _integers(receipts, "session_started_at_ms", 0)
    counter = np.where(
        washes,
        _whole(receipts, "lifetime_energy_wh", UWH_PER_WH, 0),
        _whole(receipts, "lifetime_distance_m", MM_PER_M, 0),
    )
    far_mm = _whole(receipts, "run_distance_m", MM_PER_M, UNKNOWN)
    far_mm[(far_mm == UNKNOWN) & (label_ms == 0)] = 0
    amount = np.where(washes, _whole(receipts, "energy_wh", UWH_PER_WH, 0), far_mm)
    columns = {
        "slot": slot,
        "first_seq": _integers(receipts, "seq", 0),
        "day": _integers(receipts, "sent_at_ms", 0) // DAY_MS,
        "board": _integers(receipts, "board_no", NO_BOARD),
        "is_shoe": is_shoe,
        "decimals": _decimals(counter, is_shoe),
        "first_counter": counter,
        "first_amount": amount,
        "first_label_ms": np.where(is_shoe, label_ms, 0),
        "roundings": np.where(is_shoe, label_ms > 0, _integers(receipts, "reading_count", 0)),
        "received_ms": _integers(receipts, "received_at_ms", 0),
    }
    for name, values in columns.items():
        made[name] = values[chosen]
    made["next_seq"] = made["first_seq"] + 1
    made["noticed_ms"] = made["received_ms"]
    for name in ("counter", "amount", "label_ms"):
        made[f"last_{name}"] = made[f"first_{name}"]
    return _joined(made[np.lexsort((made["first_seq"], made["slot"]))])


def brought(before: Records, after: Records) -> Ints:
    """What the first upload of each span brought, given the one before: its energy, or how much further its run was."""
    same_run = (after["first_label_ms"] == before["last_label_ms"]) & (after["first_label_ms"] > 0)
    since = np.where(same_run & (before["last_amount"] > 0), before["last_amount"], 0)
    brought_mm = np.where(after["first_amount"] == UNKNOWN, 0, after["first_amount"] - since)
    return np.where(after["is_shoe"], brought_mm, after["first_amount"])


def fits(before: Records, after: Records) -> Mask:
    """Whether two spans of one device are one. How far a run has come must be known for that."""
    mask: Mask = (
        (before["next_seq"] == after["first_seq"])
        & (before["day"] == after["day"])
        & (before["board"] == after["board"])
        & (before["is_shoe"] == after["is_shoe"])
        & ~before["is_settled"]
        & (before["last_amount"] != UNKNOWN)
        & (after["first_amount"] != UNKNOWN)
    )
    return mask


def join(before: Records, after: Records) -> Records:
    """Each two spans as one; what is said of the hole before it is the first one's."""
    one = before.copy()
    one["inner"] += brought(before, after) + after["inner"]
    same_run = (after["first_label_ms"] == before["last_label_ms"]) & (after["first_label_ms"] > 0)
    one["roundings"] += after["roundings"] - (same_run & after["is_shoe"])
    for name in ("next_seq", "last_counter", "last_amount", "last_label_ms"):
        one[name] = after[name]
    for name in ("decimals", "received_ms"):
        one[name] = np.maximum(before[name], after[name])
    return one


def _joined(single: Records) -> Records:
    """Spans of one upload each, by device and number, put together."""
    begins = np.ones(len(single), dtype=bool)
    begins[1:] = (np.diff(single["slot"]) != 0) | ~fits(single[:-1], single[1:])
    first = np.flatnonzero(begins)
    last = np.append(first[1:], len(single)) - 1
    came = np.zeros(len(single), dtype=np.int64)
    came[1:] = brought(single[:-1], single[1:])
    came[begins] = 0
    again = np.zeros(len(single), dtype=np.int64)
    again[1:] = single["is_shoe"][1:] & (np.diff(single["first_label_ms"]) == 0) & (single["first_label_ms"][1:] > 0)
    again[begins] = 0
    spans = single[first]
    spans["inner"] = np.add.reduceat(came, first)
    spans["roundings"] = np.add.reduceat(single["roundings"] - again, first)
    for name in ("next_seq", "last_counter", "last_amount", "last_label_ms"):
        spans[name] = single[name][last]
    for name in ("decimals", "received_ms"):
        spans[name] = np.maximum.reduceat(single[name], first)
    return spans


def rank_of(slot: Ints) -> Ints:
    """Which of its device's entries each is; entries of a device are together."""
    first = np.flatnonzero(np.append(True, np.diff(slot) != 0)[: len(slot)])
    counts = np.diff(np.append(first, len(slot)))
    return np.arange(len(slot)) - np.repeat(first, counts)


def in_order(spans: Records, rows: Rows) -> Rows:
    """Rows by device and number."""
    return rows[np.lexsort((spans["first_seq"][rows], spans["slot"][rows]))]


def _decimals(counter: Ints, is_shoe: Mask) -> Ints:
    """How many digits behind the point a counter shows, up to three: a thousandth is the finest that contracts know."""
    thousandths = np.where(is_shoe, counter, counter // (UWH_PER_WH // 1_000))
    return np.select([thousandths % 1_000 == 0, thousandths % 100 == 0, thousandths % 10 == 0], [0, 1, 2], 3)


def _is_valid(receipts: pa.Table, name: str) -> Mask:
    return np.asarray(pc.is_valid(receipts.column(name)).to_numpy(), dtype=bool)


def _integers(receipts: pa.Table, name: str, null: int) -> Ints:
    return np.asarray(pc.fill_null(receipts.column(name), null).to_numpy(), dtype=np.int64)


def _whole(receipts: pa.Table, name: str, per_unit: int, null: int) -> Ints:
    """An amount in whole small units."""
    values = np.asarray(receipts.column(name).to_numpy(), dtype=np.float64)
    known = ~np.isnan(values)
    return np.where(known, np.rint(np.where(known, values, 0.0) * per_unit), null).astype(np.int64)
