"""The course of a wash cycle in the state: what is kept of it, and how readings add to it. Pure.

All of it is sums, highest values and bits, so neither order nor cut of the uploads matters.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple, get_args

import numpy as np
import numpy.typing as npt

from schemas.uploads import Alert, Programme
from streams.batch import Floats, Ints
from streams.programme import PROGRAMMES
from streams.store import Records, Rows
from streams.wash_phases import PHASES, TIMES, UWH, Sums

ALERTS: tuple[Alert, ...] = get_args(Alert)
ENDED = 1 << len(ALERTS)
"""Bit of `said` for the upload that says that the cycle is over; the bits below are for alerts."""

_SUMS = (*TIMES, "heating", "hot", "top_ms", "top")
_HIGHEST = ("hottest_dk", "far_dk", "fastest_rpm", "spin_class", "next_seq", "far_seq", "far_begin")
COURSE_FIELDS: list[tuple[Any, ...]] = [
    ("course_sums", "i4", (len(_SUMS),)),
    ("course_highest", "i8", (len(_HIGHEST),)),
    ("course_said", "u1"),
]
"""Sums as in `streams.wash_phases.Sums`, and highest values: temperature in tenths of a kelvin, distance of the lowest
one from 1,000 K, speed of the drum in 1/min and its class, number of the last upload plus one, distances from 2^53 of
the first one's number and of the instant from which on anything is known. Whatever is unknown is 0. Few wide fields,
since each that is changed costs as much as a wide one."""

_PHASE_SUMS = tuple(f"{phase}_ms" for phase in PHASES)
_NO_ALERTS: frozenset[Alert] = frozenset()
_MOST = np.iinfo(np.int32).max
"""24 days in milliseconds, 214 kWh in tenths of a milliwatt-hour: no more is told of any cycle."""
_ZERO_C_DK, _FAR_DK, _FAR = 2_732, 10_000, 2**53
NEVER_MS = _FAR
_WH = UWH / 1e6
_SPIN = slice(_SUMS.index("top_ms"), _SUMS.index("top") + 1)
_CLASS = _HIGHEST.index("spin_class")


def add_sums(
    values: Records,
    rows: Rows,
    added: Sums,
    *,
    hottest_c: Floats,
    fastest_rpm: Floats,
    first_seq: Ints,
    last_seq: Ints,
    begins_ms: Ints,
    said: npt.NDArray[np.uint8],
) -> None:
    """Add what some uploads tell to their cycles.

    Args:
        rows: Each cycle once; all else is in the same order, NaN for unknown.
        begins_ms: From when on their readings speak; `NEVER_MS` without any.
    """
    more = np.empty((len(rows), len(_SUMS)), dtype=np.int32)
    more[:, : len(TIMES)] = added.times_ms
    for column, amount in enumerate((added.heating, added.hot, added.spin_ms, added.spin), len(TIMES)):
        more[:, column] = amount
    higher = np.column_stack(
        (
            _or_zero(hottest_c * 10 + _ZERO_C_DK),
            _or_zero(_FAR_DK - _ZERO_C_DK - added.coldest_c * 10),
            _or_zero(fastest_rpm),
            added.spin_class,
            last_seq + 1,
            _FAR - first_seq,
            _FAR - begins_ms,
        )
    )
    sums, highest = values["course_sums"][rows], values["course_highest"][rows]
    # Of the slower of two top speeds nothing counts.
    sums[highest[:, _CLASS] < higher[:, _CLASS], _SPIN] = 0
    more[higher[:, _CLASS] < highest[:, _CLASS], _SPIN] = 0
    sums += more
    sums[sums < 0] = _MOST  # beyond it they turn negative
    values["course_sums"][rows] = sums
    values["course_highest"][rows] = np.maximum(highest, higher)
    values["course_said"][rows] |= said


def course_of_curve(cycle: np.void) -> npt.NDArray[np.int32]:
    """`course_sums` of a cycle found in a power curve (`streams.power_curve.CYCLE`).

    A heating reading there is one with the heater on; waiting is the longest rest between two bouts of activity. Of a
    cycle with pieces of before their times were kept it is all zero, as in a state of then: nothing is covered.
    """
    sums = np.zeros(len(_SUMS))
    if not cycle["is_timed"]:
        return sums.astype(np.int32)
    heating = round(float(cycle["heating_wh"]) / _WH)
    found = {"covered_ms": cycle["covered_ms"], "waiting_ms": cycle["rest_ms"], "hot_ms": cycle["heating_ms"]}
    for name, value in {**found, "heating": heating, "hot": heating}.items():
        sums[_SUMS.index(name)] = value
    return np.clip(sums, 0, _MOST).astype(np.int32)


def _or_zero(values: Floats) -> Ints:
    """Rounded; NaN is 0."""
    return np.rint(np.nan_to_num(values)).astype(np.int64)


class Course(NamedTuple):
    """What is known of one cycle's course. A tuple: one is made for each version of a cycle.

    Attributes:
        programme: As reported; None if unknown.
        is_over, is_detected: It is closed; it was found in a power curve.
        phase_ms: Time by `PHASES`.
        covered_ms: Time that anything is known of, of the `lasted_ms` from start to end. 0 of a cycle in a power
            curve whose times were not kept yet when it ran.
        coldest_c: While it heated or waited.
        spin_ms, spin_wh: At its steady top speed.
        begins_late_ms: How long after its start anything is known of it.
        missing_uploads: Numbers between its first and last one that belong to no upload of it.
        has_end: Its last upload came.
    """

    material: str
    programme: Programme | None
    is_over: bool
    is_detected: bool
    energy_wh: float
    water_l: float | None
    peak_w: float
    lasted_ms: int
    phase_ms: tuple[int, ...]
    covered_ms: int
    hot_ms: int
    drain_ms: int
    waiting_ms: int
    heating_wh: float
    hot_wh: float
    spin_ms: int
    spin_wh: float
    hottest_c: float | None
    coldest_c: float | None
    fastest_rpm: int
    missing_uploads: int
    begins_late_ms: int
    alerts: frozenset[Alert]
    has_end: bool


def course_of(known: Mapping[str, Any]) -> Course:
    """The course in a session row, given as its `fields`."""
    sums = dict(zip(_SUMS, known["course_sums"].tolist(), strict=True))
    highest = dict(zip(_HIGHEST, known["course_highest"].tolist(), strict=True))
    hottest_dk, far_dk, next_seq = (highest[name] for name in ("hottest_dk", "far_dk", "next_seq"))
    said, programme = known["course_said"], known["programme"]
    return Course(
        material=known["material"].decode(),
        programme=PROGRAMMES[programme - 1] if programme else None,
        is_over=known["closed"] and not known["withdrawn"],
        is_detected=known["detected"],
        energy_wh=known["energy_uwh"] / 1e6,
        water_l=known["water_ml"] / 1e3 if known["has_water"] else None,
        peak_w=known["peak_w"],
        lasted_ms=known["ended_ms"] - known["started_ms"],
        phase_ms=tuple([sums[name] for name in _PHASE_SUMS]),
        covered_ms=sums["covered_ms"],
        hot_ms=sums["hot_ms"],
        drain_ms=sums["drain_ms"],
        waiting_ms=sums["waiting_ms"],
        heating_wh=sums["heating"] * _WH,
        hot_wh=sums["hot"] * _WH,
        spin_ms=sums["top_ms"],
        spin_wh=sums["top"] * _WH,
        hottest_c=(hottest_dk - _ZERO_C_DK) / 10 if hottest_dk else None,
        coldest_c=(_FAR_DK - _ZERO_C_DK - far_dk) / 10 if far_dk else None,
        fastest_rpm=highest["fastest_rpm"],
        missing_uploads=next_seq - (_FAR - highest["far_seq"]) - known["uploads"] if next_seq else 0,
        begins_late_ms=_FAR - highest["far_begin"] - known["started_ms"],
        alerts=frozenset(alert for bit, alert in enumerate(ALERTS) if said >> bit & 1) if said else _NO_ALERTS,
        has_end=bool(said & ENDED),
    )
