"""Wash cycles in real plug recordings: every cycle once, none invented, against a golden file and a second method.

The golden file is made by `plain_cycles` below, a loop over the readings that shares no code with `streams`:

    python tests/integration/test_power_curve_recordings.py > tests/golden/wash_cycles.csv
"""

from __future__ import annotations

import csv
import gzip
import os
import sys
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from functools import cache
from operator import itemgetter
from pathlib import Path
from typing import NamedTuple
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from streams.curve_rules import Rules
from streams.power_curve import cycles, pieces
from streams.recognition import recognised

PROJECT = Path(__file__).parents[2]
RECORDINGS = PROJECT.parent / "shared" / "data" / "washer"
GOLDEN = PROJECT / "tests" / "golden" / "wash_cycles.csv"
COLUMNS = ["file", "started", "minutes", "energy_wh", "peak_w", "heat_s", "heat_wh", "silent_s", "programme"]
BERLIN = ZoneInfo("Europe/Berlin")


class Reading(NamedTuple):
    at_s: int
    span_s: int  # 0 after a silence of over a minute: nobody knows
    power_w: float
    slow_power_w: float  # mean over 8 s


class Recording(NamedTuple):
    file: str
    readings: list[Reading]


class Cycle(NamedTuple):
    started_s: int
    ended_s: int
    energy_wh: float
    peak_w: float
    heat_s: int
    heat_wh: float
    covered_s: int

    @property
    def programme(self) -> str:
        """What the product recognises: kept so that a change of the rule shows, and no truth."""
        lasted_s = self.ended_s - self.started_s
        if self.covered_s < 0.9 * lasted_s:
            return ""
        return recognised(lasted_s * 1000, self.heat_s * 1000, self.energy_wh, self.heat_wh) or ""


@cache
def hour_s(date_and_hour: str) -> int:
    return int(datetime.strptime(date_and_hour, "%d/%m/%Y %H").replace(tzinfo=BERLIN).timestamp())


@cache
def minute_s(minute: str) -> int:
    return hour_s(minute[:13]) + int(minute[14:]) * 60


def readings_in(path: Path) -> list[Reading]:
    """Readings of `dd/mm/yyyy HH:MM:SS;W;W` lines, sorted: a plug's clock now and then steps back a second."""
    with gzip.open(path, "rt", encoding="ascii") as lines:
        rows = [line.rstrip().split(";") for line in lines]
    stamped = [(minute_s(at[:16]) + int(at[17:]), float(power_w), float(slow_w)) for at, power_w, slow_w in rows]
    stamped.sort(key=itemgetter(0))
    readings = []
    last_s = stamped[0][0]
    for at_s, power_w, slow_power_w in stamped:
        span_s = at_s - last_s
        readings.append(Reading(at_s, span_s if span_s <= 60 else 0, power_w, slow_power_w))
        last_s = at_s
    return readings


def plain_cycles(readings: list[Reading]) -> Iterator[Cycle]:
    """Stretches of 10 W and more, parted by 2 minutes of measured quiet or by 15 minutes of any kind; 5 min, 10 Wh.

    What follows 45 s of quiet, is shorter than a minute or takes less than 2 Wh is a jog, and prolongs none.
    """
    started_s = ended_s = quiet_s = bout_s = 0
    bout_ws = 0.0
    kept: Cycle | None = None
    energy_ws = unsure_ws = peak_w = heat_ws = 0.0
    heat_s = covered_s = unsure_s = 0
    is_running, is_first = False, True
    for reading in [*readings, Reading(sys.maxsize, 0, 10.0, 10.0)]:
        if reading.power_w < 10:
            quiet_s += reading.span_s
            unsure_ws += reading.power_w * reading.span_s
            unsure_s += reading.span_s
            continue
        start_s = reading.at_s - reading.span_s
        if is_running and (quiet_s > 120 or start_s - ended_s > 900):
            if kept is not None and kept.ended_s - started_s >= 300 and kept.energy_wh >= 10:
                yield kept
            is_running, kept = False, None
        if not is_running or quiet_s > 45:
            bout_s, bout_ws, is_first = start_s, 0.0, True
        if not is_running:
            started_s, energy_ws, unsure_ws, peak_w, is_running = start_s, 0.0, 0.0, 0.0, True
            heat_s, heat_ws, covered_s, unsure_s = 0, 0.0, 0, 0
        bout_ws += (0.0 if is_first else unsure_ws) + reading.power_w * reading.span_s
        is_first = False
        energy_ws += unsure_ws + reading.power_w * reading.span_s
        peak_w = max(peak_w, reading.power_w)
        covered_s += unsure_s + reading.span_s
        if reading.power_w >= 1200:
            heat_s, heat_ws = heat_s + reading.span_s, heat_ws + reading.power_w * reading.span_s
        quiet_s, unsure_ws, unsure_s, ended_s = 0, 0.0, 0, reading.at_s
        if ended_s - bout_s >= 60 and bout_ws >= 7_200:
            kept = Cycle(started_s, ended_s, energy_ws / 3600, peak_w, heat_s, heat_ws / 3600, covered_s)


def busy_minutes(readings: list[Reading]) -> list[tuple[int, int]]:
    """A second method: first and last clock minute of runs of minutes whose mean of the slow column is 12 W or more.

    One or two idle minutes in a run do not end it, nor do up to 14 minutes that nobody measured.
    """
    sums: dict[int, list[float]] = {}
    for reading in readings:
        sums.setdefault(reading.at_s // 60, []).append(reading.slow_power_w)
    runs: list[list[int]] = []
    idle = 0
    for minute in sorted(sums):
        if sum(sums[minute]) / len(sums[minute]) < 12:
            idle += 1
            continue
        if not runs or idle > 2 or minute - runs[-1][-1] > 15:
            runs.append([])
        runs[-1].append(minute)
        idle = 0
    return [(run[0] * 60, run[-1] * 60 + 60) for run in runs if len(run) >= 5]


def found_cycles(readings: list[Reading], uploads: np.random.Generator) -> list[Cycle]:
    """What `streams` finds when the recording comes in uploads of random length, in random order."""
    table = np.array(readings, np.float64)
    starts = np.append(0, np.sort(uploads.choice(len(table), len(table) // 30, replace=False)))
    at_ms, span_ms = (table[:, column].astype(np.int64) * 1000 for column in (0, 1))
    made, upload = pieces(at_ms, span_ms, table[:, 2], starts, Rules())
    shuffled = made[uploads.permutation(len(made))]
    found = cycles(np.zeros(len(upload), np.int64), shuffled, Rules())
    return [
        Cycle(
            int(cycle["started_ms"]) // 1000,
            int(cycle["ended_ms"]) // 1000,
            float(cycle["energy_wh"]),
            float(cycle["peak_w"]),
            int(cycle["heating_ms"]) // 1000,
            float(cycle["heating_wh"]),
            int(cycle["covered_ms"]) // 1000,
        )
        for cycle in found
    ]


def as_row(file: str, cycle: Cycle) -> dict[str, str]:
    started = datetime.fromtimestamp(cycle.started_s, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    minutes = (cycle.ended_s - cycle.started_s) / 60
    values = (
        *(file, started, f"{minutes:.1f}", f"{cycle.energy_wh:.1f}", f"{cycle.peak_w:.0f}"),
        *(f"{cycle.heat_s}", f"{cycle.heat_wh:.1f}"),
        *(f"{cycle.ended_s - cycle.started_s - cycle.covered_s}", cycle.programme),
    )
    return dict(zip(COLUMNS, values, strict=True))


def golden_rows(file: str) -> list[dict[str, str]]:
    with GOLDEN.open(encoding="utf-8", newline="") as lines:
        return [row for row in csv.DictReader(lines) if row["file"] == file]


def recordings() -> list[Path]:
    return sorted(RECORDINGS.glob("*.csv.gz"))


def as_rows(recording: Recording, found: Iterable[Cycle]) -> list[dict[str, str]]:
    return [as_row(recording.file, cycle) for cycle in found]


@pytest.fixture(scope="module", params=recordings(), ids=lambda path: path.name)
def recording(request: pytest.FixtureRequest) -> Recording:
    return Recording(request.param.name, readings_in(request.param))


def test_the_recordings_are_those_of_the_golden_file() -> None:
    if not recordings() and not os.environ.get("CI"):
        pytest.skip(f"no recordings in {RECORDINGS}: put the washing machine days of tracebase there")
    with GOLDEN.open(encoding="utf-8", newline="") as lines:
        files = {row["file"] for row in csv.DictReader(lines)}
    assert {path.name for path in recordings()} == files


def test_every_cycle_is_found_once_and_none_is_invented(recording: Recording) -> None:
    found = found_cycles(recording.readings, np.random.default_rng(7))
    assert as_rows(recording, found) == golden_rows(recording.file)


def test_a_plain_loop_over_the_readings_makes_the_golden_rows(recording: Recording) -> None:
    assert as_rows(recording, plain_cycles(recording.readings)) == golden_rows(recording.file)


def test_minute_means_of_the_slow_column_show_the_same_cycles(recording: Recording) -> None:
    expected = [(cycle.started_s, cycle.ended_s) for cycle in plain_cycles(recording.readings)]
    shown = busy_minutes(recording.readings)
    assert len(shown) == len(expected)
    for spans in zip(shown, expected, strict=True):
        assert spans[0] == pytest.approx(spans[1], abs=150)


def main() -> None:
    writer = csv.DictWriter(sys.stdout, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(as_row(path.name, cycle) for path in recordings() for cycle in plain_cycles(readings_in(path)))


if __name__ == "__main__":
    main()
