"""Cycles in whatever power curve, however it is cut into uploads: a plain loop over the readings finds the same."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.power_curve import cycles
from tests.unit.examples import examples
from tests.unit.power_curves import RULES, Reading, a_curve, curves, cycles_of, pieces_of


@examples(25)
@given(curves, st.data())
def test_neither_the_cuts_nor_the_order_of_uploads_matter(drawn: str, data: st.DataObject) -> None:
    readings = a_curve(drawn)
    cuts = data.draw(st.sets(st.integers(0, len(readings)), max_size=40))
    made = pieces_of(readings, sorted({0, *cuts}))
    in_order = cycles_of(made)
    shuffled = cycles_of(made[data.draw(st.permutations(range(len(made))))])
    uncut = cycles_of(pieces_of(readings, [0]))
    for name in ("started_ms", "ended_ms", "energy_wh", "peak_w", "reading_count", "is_open"):
        assert shuffled[name].tolist() == in_order[name].tolist()  # to the last digit
        assert in_order[name].tolist() == pytest.approx(uncut[name].tolist(), rel=1e-9)


@examples(15)
@given(curves, st.data())
def test_pieces_hold_all_energy_time_and_readings(drawn: str, data: st.DataObject) -> None:
    readings = a_curve(drawn)
    cuts = data.draw(st.sets(st.integers(0, len(readings)), max_size=40))
    made = pieces_of(readings, sorted({0, *cuts}))
    energy_wh = sum(reading.power_w * reading.span_ms for reading in readings) / 3_600_000
    assert sum(made[f"{part}_wh"].sum() for part in ("before", "within", "after")) == pytest.approx(energy_wh)
    assert sum(made[f"{part}_count"].sum() for part in ("before", "within", "after")) == len(readings)


@examples(30)
@given(st.lists(curves, min_size=1, max_size=4))
def test_a_plain_loop_over_the_readings_finds_the_same(drawings: list[str]) -> None:
    recorded = [a_curve(drawn) for drawn in drawings]
    made = [pieces_of(readings, list(range(0, len(readings), 24))) for readings in recorded]
    device = np.repeat(np.arange(len(made)), [len(some) for some in made])
    together = cycles(device, np.concatenate(made), RULES)
    expected = [(number, *span) for number, readings in enumerate(recorded) for span in plainly(readings)]
    assert together[["device", "started_ms", "ended_ms"]].tolist() == expected


def plainly(readings: list[Reading]) -> list[tuple[int, int]]:
    """Start and end of each cycle, by the rules as docs/wash-cycles.md words them."""
    bouts: list[tuple[int, list[Reading]]] = []
    quiet_ms, last_ms, stretch = 0, 0, 0
    for reading in readings:
        if reading.power_w < 10:
            quiet_ms += reading.span_ms
            continue
        pauses = reading.at_ms - reading.span_ms - last_ms > 900_000
        stretch += quiet_ms > 120_000 or pauses
        if not bouts or quiet_ms > 45_000 or pauses:
            bouts.append((stretch, []))
        bouts[-1][1].append(reading)
        quiet_ms, last_ms = 0, reading.at_ms

    loads: list[list[list[Reading]]] = []
    heated_ms: int | None = None
    before = -1
    for stretch, bout in bouts:
        if start_ms(bout) > bout[-1].at_ms - 60_000 or energy_wh(readings, bout) < 2:
            continue
        heating = [reading for reading in bout if reading.power_w >= 1_200]
        heats = sum(reading.power_w * reading.span_ms for reading in heating) / 3_600_000 >= 20
        ended_ms = loads[-1][-1][-1].at_ms if loads else 0
        is_next_load = heats and heated_ms is not None and ended_ms - heated_ms >= 900_000
        if stretch != before and (start_ms(bout) - ended_ms > 900_000 or is_next_load):
            loads.append([])
            heated_ms = None
        loads[-1].append(bout)
        before = stretch
        if heats:
            heated_ms = heating[-1].at_ms
    whole = [[reading for bout in load for reading in bout] for load in loads]
    return [
        (start_ms(load), load[-1].at_ms)
        for load in whole
        if load[-1].at_ms - start_ms(load) >= 300_000 and energy_wh(readings, load) >= 10
    ]


def start_ms(active: list[Reading]) -> int:
    return active[0].at_ms - active[0].span_ms


def energy_wh(readings: list[Reading], active: list[Reading]) -> float:
    between = [reading for reading in readings if active[0].at_ms <= reading.at_ms <= active[-1].at_ms]
    return sum(reading.power_w * reading.span_ms for reading in between) / 3_600_000
