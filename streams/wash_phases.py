"""What a washing machine did in each of its readings: its phase, and whether it heated, drained, waited or spun. Pure.

Every rule looks at one reading alone, and what is told of a cycle are sums of whole numbers, so neither the order nor
the cut of the input matters. Machines that report phases are believed; of the others the same channels tell them:

| phase | the reading shows |
|---|---|
| spin | the drum turns faster than laundry is washed |
| heat | the heater is on |
| rinse | the pump runs, or water comes in while the drum turns, or more water was drawn than washing takes |
| fill | water may come in: the drum stands and next to no power is drawn |
| wash | the drum turns |

They say less than a machine that knows: pulses that keep suds warm count as heating there and as washing here, and
draining before the last spin as rinsing.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntFlag
from typing import get_args

import numpy as np
import numpy.typing as npt

from schemas.uploads import Phase
from streams.batch import Batch, Floats, Instants, Ints, channel

PHASES: tuple[Phase, ...] = get_args(Phase)
FILL, HEAT, WASH, RINSE, SPIN = range(len(PHASES))
UNKNOWN = len(PHASES)
"""Of a reading whose phase nothing tells."""

STANDING_RPM = 5.0
"""Below that the drum stands."""
FILLING_RPM = 25.0
"""It turns slower than that while fresh water comes in to rinse; laundry is washed at 30/min and more."""
SPINNING_RPM = 60.0
"""Laundry falls back below that, and is pressed to the drum's wall above."""
PUMP_W = 14.0
"""A standing machine that draws more drains: valves take 8 W, a drain pump 32 W, give or take an eighth."""
HEATS_FROM, HEATS_FULLY_FROM = 0.5, 0.8
"""Shares of the model's heating power: below the first a reading has no heat in it to speak of, above the second the
heater was on for all of it. Scale takes 8 % of a heater's power at most."""
WASH_WATER_SHARE = 0.39
"""Of the label's water: washing takes 0.25 to 0.35, with the first rinse it is 0.44 and more."""
CLASS_RATIO = 0.95
"""Speeds of one class lie within 5 %: the highest class of a cycle is its steady top speed, without the run-up."""

UWH = 100
"""Energy of a cycle's heating and spinning is counted in tenths of a milliwatt-hour, so many microwatt-hours."""

_NUMBER_OF_LETTER = np.full(256, UNKNOWN, dtype=np.uint8)
_NUMBER_OF_LETTER[[ord(phase[0]) for phase in PHASES]] = range(len(PHASES))
"""Phases differ in their first letters, and comparing whole words would cost several times more."""

Codes = npt.NDArray[np.uint8]


class Sign(IntFlag):
    """What one reading shows."""

    STANDS = 1
    TURNS = 2
    SLOW = 4  # or stands
    SPINS = 8
    PUMPS = 16  # if it stands: else it is the motor
    HEATS = 32
    HEATS_FULLY = 64
    DRAWN_TO_RINSE = 128


_OTHER, _HEATS_PARTLY, _HEATS, _DRAINS, _WAITS = range(5)
_DEEDS = 5


def _deed(signs: Sign) -> int:
    if Sign.HEATS in signs:
        return _HEATS if Sign.HEATS_FULLY in signs else _HEATS_PARTLY
    if Sign.STANDS in signs:
        return _DRAINS if Sign.PUMPS in signs else _WAITS
    return _OTHER


def _phase(signs: Sign) -> int:
    """The phase of a reading of a machine that does not say it."""
    if Sign.SPINS in signs:
        return SPIN
    if Sign.HEATS in signs:
        return HEAT
    stands, pumps = Sign.STANDS in signs, Sign.PUMPS in signs
    if Sign.DRAWN_TO_RINSE in signs or (Sign.SLOW in signs and stands == pumps):
        return RINSE
    if stands:
        return FILL
    return WASH if Sign.TURNS in signs else UNKNOWN


_DEED_OF = np.array([_deed(Sign(bits)) for bits in range(256)], dtype=np.uint8)
_PHASE_OF = np.array([_phase(Sign(bits)) for bits in range(256)], dtype=np.uint8)

TIMES = (*(f"{phase}_ms" for phase in PHASES), "covered_ms", "hot_ms", "drain_ms", "waiting_ms")
"""Times kept of a cycle: by phase; all that anything is known of; the heater on throughout; the pump on while the drum
stands; the drum stands and neither pump nor heater runs, so that water comes in, or nothing happens."""


@dataclass(frozen=True)
class Sums:
    """What the readings of some cycles add to each of them, whole numbers.

    Attributes:
        times_ms: By `TIMES`, one row a cycle.
        heating, hot: Energy of readings with heat in them, and of those with the heater on throughout; the motor's
            part too, in `UWH`.
        spin_class: Highest class of speed, 0 where the drum never spun.
        spin_ms, spin: Time and energy of readings in that class.
        coldest_c: Lowest temperature while it heated or waited; NaN if there is none.
    """

    times_ms: Floats
    heating: Floats
    hot: Floats
    spin_class: Ints
    spin_ms: Floats
    spin: Floats
    coldest_c: Floats


def sums(
    batch: Batch,
    when: Instants,
    energy_uwh: Floats,
    heater_w: Floats,
    programme_water_l: Floats,
    cycle: Ints,
    count: int,
) -> Sums:
    """Sums over the readings of each cycle.

    Args:
        energy_uwh: Energy of each reading.
        heater_w: Heating power of each upload's model.
        programme_water_l: Water of the label for each upload's programme; NaN where there is none.
        cycle: Number of the cycle that each upload belongs to, below `count`; `count` for none.
    """
    rpm = channel(batch, "drum_rpm", when)
    signs = _signs(batch, when, rpm, heater_w, programme_water_l)
    deed = _DEED_OF[signs]
    span_ms, of = when.span_ms.astype(np.float64), cycle[when.upload]
    phase_ms = _counted_up(of, _phases(batch, when, signs), UNKNOWN + 1, span_ms, count)
    at = np.flatnonzero(deed)
    did, doer = deed[at], of[at]
    deed_ms = _counted_up(doer, did, _DEEDS, span_ms[at], count)
    at, did, doer = at[did != _DRAINS], did[did != _DRAINS], doer[did != _DRAINS]
    warm_wh = _counted_up(doer, did, _DEEDS, _counted(energy_uwh[at]), count)
    spin_class, spin_ms, spin = _top_speed(rpm, span_ms, energy_uwh, of, count)
    return Sums(
        times_ms=np.column_stack((phase_ms[:, :UNKNOWN], phase_ms.sum(axis=1), deed_ms[:, [_HEATS, _DRAINS, _WAITS]])),
        heating=warm_wh[:, _HEATS_PARTLY] + warm_wh[:, _HEATS],
        hot=warm_wh[:, _HEATS],
        spin_class=spin_class,
        spin_ms=spin_ms,
        spin=spin,
        coldest_c=_lowest(channel(batch, "temperature_c", when)[at], doer, count),
    )


def class_of_speed(rpm: Floats) -> Ints:
    """The class of each speed of at least `SPINNING_RPM`, from 1 upwards."""
    classes: Ints = (np.log(rpm / SPINNING_RPM) / -np.log(CLASS_RATIO)).astype(np.int64) + 1
    return classes


def _signs(batch: Batch, when: Instants, rpm: Floats, heater_w: Floats, programme_water_l: Floats) -> Codes:
    """The `Sign`s of each reading."""
    power_w = channel(batch, "power_w", when)
    heat_share = power_w / heater_w[when.upload]
    shown = {
        Sign.STANDS: rpm < STANDING_RPM,
        Sign.TURNS: rpm >= STANDING_RPM,
        Sign.SLOW: rpm < FILLING_RPM,
        Sign.SPINS: rpm >= SPINNING_RPM,
        Sign.PUMPS: power_w >= PUMP_W,
        Sign.HEATS: heat_share >= HEATS_FROM,
        Sign.HEATS_FULLY: heat_share >= HEATS_FULLY_FROM,
    }
    if batch.uploads.column("phase").null_count:
        rinse_l = (programme_water_l * WASH_WATER_SHARE)[when.upload]
        shown[Sign.DRAWN_TO_RINSE] = channel(batch, "water_l", when) > rinse_l
    signs = np.zeros(len(power_w), dtype=np.uint8)
    for sign, is_shown in shown.items():
        signs |= is_shown.view(np.uint8) * np.uint8(sign)
    return signs


def _phases(batch: Batch, when: Instants, signs: Codes) -> Codes:
    """Phase of each reading: as reported, else as the other channels tell it."""
    lists = batch.uploads.column("phase").combine_chunks()
    if lists.null_count == len(lists):
        return _PHASE_OF[signs]
    words = lists.flatten()
    if not len(words):
        return _PHASE_OF[signs]
    starts = np.frombuffer(words.buffers()[1], dtype=np.int32)[words.offset : words.offset + len(words)]
    reported = _NUMBER_OF_LETTER[np.frombuffer(words.buffers()[2], dtype=np.uint8)[starts]]
    if lists.null_count == 0:
        return reported
    told = np.asarray(lists.is_valid().to_numpy(zero_copy_only=False), dtype=bool)[when.upload]
    phases = _PHASE_OF[signs]
    phases[told] = reported
    return phases


def _top_speed(rpm: Floats, span_ms: Floats, energy_uwh: Floats, of: Ints, count: int) -> tuple[Ints, Floats, Floats]:
    """Highest class of speed of each cycle, and time and energy in it."""
    at = np.flatnonzero(rpm >= SPINNING_RPM)
    speed, own = class_of_speed(rpm[at]), of[at]
    top = np.zeros(count + 1, dtype=np.int64)
    np.maximum.at(top, own, speed)
    is_top = speed == top[own]
    at, own = at[is_top], own[is_top]
    took_ms = _counted_up(own, 0, 1, span_ms[at], count)[:, 0]
    return top[:count], took_ms, _counted_up(own, 0, 1, _counted(energy_uwh[at]), count)[:, 0]


def _counted_up(of: Ints, kind: Codes | int, kinds: int, amount: Floats, count: int) -> Floats:
    """Sum of the amounts of each kind, a row for each of `count` cycles."""
    made = np.asarray(np.bincount(of * kinds + kind, amount, (count + 1) * kinds), dtype=np.float64)
    return made.reshape(-1, kinds)[:count]


def _lowest(values: Floats, of: Ints, count: int) -> Floats:
    low = np.full(count + 1, np.inf)
    np.fmin.at(low, of, values)
    low[np.isinf(low)] = np.nan
    return low[:count]


def _counted(energy_uwh: Floats) -> Floats:
    """Energy in whole numbers of `UWH`."""
    return np.rint(energy_uwh / UWH)
