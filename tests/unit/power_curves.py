"""Power curves drawn one letter a minute (`test_power_curve` tells the letters), and the cycles found in them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from hypothesis import strategies as st

from streams.curve_rules import Rules
from streams.power_curve import cycles, pieces

RULES = Rules()
NOON_MS = 1_327_320_000_000
STEP_MS = 10_000
MINUTE_MS = 60_000
WATTS = {".": [2] * 6, "s": [6] * 6, "m": [200] * 6, "H": [2_000] * 6, "j": [100, 2, 2, 2, 2, 2]}


class Reading(NamedTuple):
    at_ms: int
    span_ms: int
    power_w: float


def a_curve(drawn: str) -> list[Reading]:
    readings: list[Reading] = []
    for minute, letter in enumerate(drawn):
        for step, power_w in enumerate(WATTS.get(letter, [])):
            at_ms = NOON_MS + minute * MINUTE_MS + (step + 1) * STEP_MS
            is_known = not readings or at_ms - readings[-1].at_ms <= MINUTE_MS
            readings.append(Reading(at_ms, STEP_MS if is_known else 0, power_w))
    return readings


def pieces_of(readings: list[Reading], starts: list[int]) -> npt.NDArray[np.void]:
    table = np.array(readings, dtype=[("at", "i8"), ("span", "i8"), ("w", "f8")])
    return pieces(table["at"], table["span"], table["w"], np.array(starts, np.int64), RULES)[0]


def cycles_of(given: npt.NDArray[np.void]) -> npt.NDArray[np.void]:
    return cycles(np.zeros(len(given), np.int64), given, RULES)


def cycles_in(drawn: str, upload_minutes: int = 4) -> npt.NDArray[np.void]:
    readings = a_curve(drawn)
    return cycles_of(pieces_of(readings, list(range(0, len(readings), upload_minutes * 6))))


def found(drawn: str, upload_minutes: int) -> str:
    """The cycles of a drawn curve, drawn."""
    line = [" "] * len(drawn)
    for cycle in cycles_in(drawn, upload_minutes):
        first = (int(cycle["started_ms"]) - NOON_MS) // MINUTE_MS
        last = (int(cycle["ended_ms"]) - NOON_MS - 1) // MINUTE_MS
        line[first : last + 1] = ["<", *"-" * (last - first - 1), "?" if cycle["is_open"] else ">"]
    return "".join(line)


LATER = "." * 16  # quiet long enough to close a cycle


rest = st.tuples(st.sampled_from(".. s"), st.integers(1, 18)).map(lambda part: part[0] * part[1])
work = st.sampled_from(["m", "j", "jj", "mmmm", "mmmmmm", "H", "mmHHHmmm", "mmHHHmmmmmmmmmmmmmmmm", "HmmmHm"])
curves = st.lists(st.tuples(rest, work).map("".join), max_size=8).map("".join)
