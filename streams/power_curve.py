"""Wash cycles found in the power curve of a plug meter that knows nothing but watts.

Two steps, both pure. `pieces` reduces every upload to one row (or more, where it contains a lull): small enough to be
kept as state, and all that matters later. `cycles` lays the pieces of each device in the order of time and reads the
cycles off. Nothing depends on the order in which the uploads arrived, nor on where the device cut its readings.
What counts as a cycle, the evidence for each number, and the known limits: docs/wash-cycles.md.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from schemas.uploads import MAX_SPAN_MS
from streams.batch import LATE_SPAN_MS
from streams.curve_rules import Rules

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]
Table = npt.NDArray[np.void]

MS_PER_HOUR = 3_600_000


PIECE = np.dtype(
    [
        ("start_ms", "i8"),  # where the first reading's span begins
        ("end_ms", "i8"),  # time of the last reading
        ("active_first_ms", "i8"),  # where the first active reading's span begins; 0 without activity
        ("active_last_ms", "i8"),  # time of the last active reading; 0 without activity
        ("heating_last_ms", "i8"),  # time of the last heating reading; 0 without heating
        # Time covered, energy and readings: before the first active reading, up to the last one, after it.
        # Without activity everything is before.
        ("before_ms", "i8"),
        ("after_ms", "i8"),
        ("before_wh", "f8"),
        ("within_wh", "f8"),
        ("after_wh", "f8"),
        ("before_count", "i4"),
        ("within_count", "i4"),
        ("after_count", "i4"),
        ("peak_w", "f8"),
        ("heating_wh", "f8"),
        ("heating_ms", "i8"),
        ("within_ms", "i8"),
    ]
)

CYCLE = np.dtype(
    [
        ("device", "i8"),
        ("started_ms", "i8"),  # where the first active reading's span begins
        ("ended_ms", "i8"),  # time of the last active reading
        ("energy_wh", "f8"),  # of all readings in between, the quiet ones too
        ("peak_w", "f8"),
        ("reading_count", "i8"),
        ("first_piece", "i8"),  # index into the pieces given
        ("last_piece", "i8"),
        ("is_open", "?"),  # the next reading may still extend it
        ("heating_wh", "f8"),  # energy and time of its heating readings
        ("heating_ms", "i8"),
        ("covered_ms", "i8"),  # time from start to end of which anything is known
        ("rest_ms", "i8"),  # the longest time without activity between its bouts
        ("is_timed", "?"),  # `heating_ms` and `covered_ms` are whole: no piece is of before they were kept
    ]
)

_TIME_ORDER = (
    "start_ms",
    "end_ms",
    "active_first_ms",
    "active_last_ms",
    "peak_w",
    "before_wh",
    "within_wh",
    "after_wh",
)


def pieces(
    measured_at_ms: Ints,
    span_ms: Ints,
    power_w: Floats,
    starts: Ints,
    rules: Rules,
) -> tuple[Table, Ints]:
    """Pieces (`PIECE`) of a batch of uploads, and the upload each belongs to, ascending.

    An upload without readings has no piece. A lull or a pause between two active readings begins another piece.

    Args:
        measured_at_ms: Times of all readings, upload after upload, not falling within an upload.
        span_ms: Time each reading speaks for: (measured_at_ms - span_ms, measured_at_ms]; 0 after a silence.
        starts: Index of each upload's first reading, ascending; equal to the next one's if it has none.
    """
    count = len(measured_at_ms)
    if count == 0:
        return np.empty(0, PIECE), np.empty(0, np.int64)
    upload = np.repeat(np.arange(len(starts)), np.diff(starts, append=count))
    begins = np.diff(upload, prepend=-1) > 0
    begins[_after_lulls(measured_at_ms, span_ms, power_w, upload, rules)] = True

    start = np.flatnonzero(begins)
    stop = np.append(start[1:], count)
    piece = np.cumsum(begins) - 1
    index = np.arange(count)
    active = power_w >= rules.active_w
    heating = power_w >= rules.heating_w
    first = np.minimum.reduceat(np.where(active, index, count), start)
    has_activity = first < count
    first = np.minimum(first, stop)
    last = np.where(has_activity, np.maximum.reduceat(np.where(active, index, -1), start), stop - 1)
    before = index < first[piece]
    after = index > last[piece]
    energy_wh = power_w * span_ms / MS_PER_HOUR
    covered_ms = _covered_ms(measured_at_ms, span_ms, upload)

    made = np.zeros(len(start), PIECE)
    made["start_ms"] = (measured_at_ms - span_ms)[start]
    made["end_ms"] = measured_at_ms[stop - 1]
    made["active_first_ms"][has_activity] = (measured_at_ms - span_ms)[first[has_activity]]
    made["active_last_ms"][has_activity] = measured_at_ms[last[has_activity]]
    made["heating_last_ms"] = np.maximum.reduceat(np.where(heating, measured_at_ms, 0), start)
    made["before_ms"] = np.add.reduceat(np.where(before, covered_ms, 0), start)
    made["after_ms"] = np.add.reduceat(np.where(after, covered_ms, 0), start)
    made["before_wh"] = np.add.reduceat(np.where(before, energy_wh, 0.0), start)
    made["within_wh"] = np.add.reduceat(np.where(before | after, 0.0, energy_wh), start)
    made["after_wh"] = np.add.reduceat(np.where(after, energy_wh, 0.0), start)
    made["before_count"] = first - start
    made["within_count"] = last + 1 - first
    made["after_count"] = stop - 1 - last
    made["peak_w"] = np.maximum.reduceat(power_w, start)
    made["heating_wh"] = np.add.reduceat(np.where(heating, energy_wh, 0.0), start)
    made["heating_ms"] = np.add.reduceat(np.where(heating, span_ms, 0), start)
    made["within_ms"] = np.add.reduceat(covered_ms, start) - made["before_ms"] - made["after_ms"]
    return made, upload[start]


def _covered_ms(measured_at_ms: Ints, span_ms: Ints, upload: Ints) -> Ints:
    """Time that something is known of before each reading: its span, and by how much it was late.

    Else a meter that is late by a second each minute would be silent for more than a minute in a cycle.
    """
    late_ms = np.diff(measured_at_ms, prepend=0) - span_ms
    is_late = (span_ms == MAX_SPAN_MS) & (late_ms > 0) & (late_ms <= LATE_SPAN_MS - MAX_SPAN_MS)
    is_late &= np.diff(upload, prepend=-1) == 0
    covered: Ints = span_ms + np.where(is_late, late_ms, 0)
    return covered


def cycles(device: Ints, given: Table, rules: Rules) -> Table:
    """Wash cycles (`CYCLE`) by device and start, from the pieces of one or many devices, in any order.

    A piece given twice counts twice: keep one per upload. No pieces, no cycles.

    Args:
        device: Which device each piece belongs to, any number >= 0.
    """
    order = np.lexsort((*(given[key] for key in reversed(_TIME_ORDER)), device))
    owner = np.unique(device[order], return_inverse=True)[1]
    ordered = given[order]
    bouts = _bouts(owner, ordered, rules)
    bouts = bouts[(bouts["last_ms"] - bouts["first_ms"] >= rules.bout_ms) & (bouts["wh"] >= rules.bout_wh)]
    if len(bouts) == 0:
        return np.empty(0, CYCLE)

    start = np.flatnonzero(_begins_cycle(bouts, rules))
    first, last = bouts["first_piece"][start], np.maximum.reduceat(bouts["last_piece"], start)
    found = np.zeros(len(start), CYCLE)
    found["device"] = device[order[first]]
    found["started_ms"] = np.minimum.reduceat(bouts["first_ms"], start)
    found["ended_ms"] = np.maximum.reduceat(bouts["last_ms"], start)
    found["energy_wh"] = _from_to(ordered, "wh", first, last)
    found["reading_count"] = _from_to(ordered, "count", first, last)
    found["peak_w"] = _over(np.maximum, ordered["peak_w"], first, last)
    found["heating_wh"] = _over(np.add, ordered["heating_wh"], first, last)
    found["heating_ms"] = _over(np.add, ordered["heating_ms"], first, last)
    found["covered_ms"] = _from_to(ordered, "ms", first, last)
    is_untimed = (ordered["within_wh"] > 0) & (ordered["within_ms"] == 0)  # energy takes time
    found["is_timed"] = ~_over(np.logical_or, is_untimed, first, last).astype(bool)
    rest_ms = np.maximum(bouts["first_ms"] - np.append(0, _running_max(bouts["last_ms"], bouts["owner"])[:-1]), 0)
    rest_ms[start] = 0
    rest_ms[np.diff(bouts["stretch"], prepend=-1) == 0] = 0
    found["rest_ms"] = np.maximum.reduceat(rest_ms, start)
    found["first_piece"] = order[first]
    found["last_piece"] = order[last]

    known_until_ms = np.maximum.reduceat(ordered["end_ms"], np.flatnonzero(np.diff(owner, prepend=-1)))[owner[first]]
    is_last = np.diff(owner[first], append=-1) != 0
    active_until_ms = np.maximum.reduceat(bouts["stretch_last_ms"], start)
    found["is_open"] = is_last & (known_until_ms - active_until_ms <= rules.pause_ms)
    is_cycle = (found["ended_ms"] - found["started_ms"] >= rules.cycle_ms) & (found["energy_wh"] >= rules.cycle_wh)
    kept: Table = found[is_cycle]
    return kept


_BOUT = np.dtype(
    [(name, "i8") for name in ("owner", "first_ms", "last_ms", "first_piece", "last_piece", "heating_last_ms")]
    + [("stretch", "i8"), ("stretch_last_ms", "i8")]
    + [("wh", "f8"), ("heating_wh", "f8")]
)


def _bouts(owner: Ints, ordered: Table, rules: Rules) -> Table:
    """Runs of active pieces of one device without more quiet than between two jogs, in the order of time."""
    where = np.flatnonzero(ordered["within_count"] > 0)
    if len(where) == 0:
        return np.empty(0, _BOUT)
    active, of = ordered[where], owner[where]
    reached_ms = _running_max(active["active_last_ms"], of)
    covered_ms = np.cumsum(ordered["before_ms"] + ordered["after_ms"])[where]
    quiet_ms = np.diff(covered_ms) + active["after_ms"][:-1] - active["after_ms"][1:]
    gap_ms = active["active_first_ms"][1:] - reached_ms[:-1]
    is_other = of[1:] != of[:-1]
    parted = is_other | _is_parted(quiet_ms, gap_ms, rules.jog_ms, rules)
    start = np.append(0, np.flatnonzero(parted) + 1)
    stretch = np.append(0, np.cumsum(is_other | _is_parted(quiet_ms, gap_ms, rules.lull_ms, rules)))
    stretch_last_ms = reached_ms[np.append(np.flatnonzero(np.diff(stretch)), len(where) - 1)]
    stop = np.append(start[1:], len(where))

    made = np.zeros(len(start), _BOUT)
    made["owner"] = of[start]
    made["first_ms"] = np.minimum.reduceat(active["active_first_ms"], start)
    made["last_ms"] = np.maximum.reduceat(active["active_last_ms"], start)
    made["first_piece"] = where[start]
    made["last_piece"] = where[stop - 1]
    made["heating_last_ms"] = np.maximum.reduceat(active["heating_last_ms"], start)
    made["wh"] = _from_to(ordered, "wh", made["first_piece"], made["last_piece"])
    made["heating_wh"] = np.add.reduceat(active["heating_wh"], start)
    made["stretch"] = stretch[start]
    made["stretch_last_ms"] = stretch_last_ms[made["stretch"]]
    return made


def _begins_cycle(bouts: Table, rules: Rules) -> Mask:
    """Whether a bout begins a cycle: after a pause, or by heating anew when the load before it is washed."""
    reached_ms = _running_max(bouts["last_ms"], bouts["owner"])
    begins: Mask = np.diff(bouts["owner"], prepend=-1) != 0
    is_parted = np.diff(bouts["stretch"]) != 0
    begins[1:] |= is_parted & (bouts["first_ms"][1:] - reached_ms[:-1] > rules.pause_ms)
    heats = bouts["heating_wh"] >= rules.heating_wh
    heated_ms = _running_max(np.where(heats, bouts["heating_last_ms"], 0), np.cumsum(begins))
    is_washed = (heated_ms > 0) & (reached_ms - heated_ms >= rules.washed_ms)
    begins[1:] |= is_parted & heats[1:] & is_washed[:-1]
    return begins


def _after_lulls(
    measured_at_ms: Ints,
    span_ms: Ints,
    power_w: Floats,
    upload: Ints,
    rules: Rules,
) -> Ints:
    """Indices of active readings that a lull or a pause parts from the active reading before them in their upload."""
    at = np.flatnonzero(power_w >= rules.active_w)
    if len(at) == 0:
        return at
    quiet_ms = np.diff(np.cumsum(span_ms)[at]) - span_ms[at[1:]]
    gap_ms = np.diff(measured_at_ms[at]) - span_ms[at[1:]]
    parted = (upload[at[1:]] == upload[at[:-1]]) & _is_parted(quiet_ms, gap_ms, rules.jog_ms, rules)
    after: Ints = at[1:][parted]
    return after


def _is_parted(quiet_ms: Ints, gap_ms: Ints, longest_ms: int, rules: Rules) -> Mask:
    parted: Mask = (np.minimum(quiet_ms, gap_ms) > longest_ms) | (gap_ms > rules.pause_ms)
    return parted


def _running_max(value: Ints, group: Ints) -> Ints:
    """Highest value so far within each group; groups ascend. On ranks, since time times group overflows 64 bits."""
    known, rank = np.unique(value, return_inverse=True)
    floor = group * len(known)
    reached: Ints = known[np.maximum.accumulate(floor + rank) - floor]
    return reached


def _from_to(ordered: Table, unit: str, first: Ints, last: Ints) -> Floats:
    """Energy, time or readings from the first activity of piece `first` to the last activity of piece `last`."""
    before, within, after = (ordered[f"{part}_{unit}"] for part in ("before", "within", "after"))
    # Summed over its own pieces alone: another device's must not change the last digit.
    total: Floats = _over(np.add, before + within + after, first, last) - before[first] - after[last]
    return total


def _over(how: np.ufunc, value: Floats, first: Ints, last: Ints) -> Floats:
    """`how` of each value[first : last + 1]."""
    borders = np.column_stack((first, last + 1)).ravel()
    made: Floats = how.reduceat(np.append(value, 0), borders)[::2]
    return made
