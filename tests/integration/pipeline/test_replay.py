"""Recordings of real machines and runs, through the whole pipeline: what the lake says is what the files say.

One recording ships with the project; the others are beside it, as `../shared/data`.
"""

from __future__ import annotations

import csv
import gzip
import os
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import cache
from itertools import pairwise
from math import asin, cos, radians, sin, sqrt
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import fitdecode
import pytest

from tests.integration.pipeline.terminal import Terminal, faults, running_stack

pytestmark = [pytest.mark.kafka, pytest.mark.postgres]

PROJECT = Path(__file__).parents[3]
RECORDINGS = PROJECT.parent / "shared" / "data"
SHIPPED = PROJECT / "producers" / "recordings" / "data" / "dev_9966DE_2011.09.19.csv.gz"
GOLDEN = PROJECT / "tests" / "golden" / "wash_cycles.csv"
LONGEST_GAP_S = 60


def recordings(product: str) -> list[Path]:
    return sorted(path for path in (RECORDINGS / product).glob("*.gz"))


@pytest.fixture(scope="module")
def replayed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Terminal]:
    """All recordings published and in the lake."""
    files = [*recordings("washer"), *recordings("shoe")]
    if not recordings("washer") or not recordings("shoe"):
        absent = f"recordings are missing in {RECORDINGS}: put plug-meter days in washer/ and runs in shoe/"
        (pytest.fail if os.environ.get("CI") else pytest.skip)(absent)
    with running_stack(tmp_path_factory.mktemp("replay")) as terminal:
        terminal.does("replay", *files)
        terminal.does("run", "--until-idle")
        yield terminal


@pytest.fixture(scope="module")
def shipped(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Terminal]:
    """The recording that comes with the project, in the lake."""
    with running_stack(tmp_path_factory.mktemp("shipped")) as terminal:
        terminal.does("replay", SHIPPED)
        terminal.does("run", "--until-idle")
        yield terminal


@cache
def minute_s(minute: str) -> int:
    return int(datetime.strptime(minute, "%d/%m/%Y %H:%M").replace(tzinfo=UTC).timestamp())


def integral_wh(file: Path) -> float:
    """Power of the 1 s column times the time since the line before; gaps over 60 s count nothing.

    Nor does a step back of the clock. No recording spans the night when summer time begins or ends.
    """
    energy_ws, last_s = 0.0, 0
    with gzip.open(file, "rt", encoding="ascii") as lines:
        for stamp, power_w, _ in csv.reader(lines, delimiter=";"):
            at_s = minute_s(stamp[:16]) + int(stamp[17:])
            if 0 < at_s - last_s <= LONGEST_GAP_S:
                energy_ws += float(power_w) * (at_s - last_s)
            last_s = at_s
    return energy_ws / 3600


def test_energy_of_each_file_is_the_integral_of_its_column(replayed: Terminal) -> None:
    found = {
        row["device_id"]: row["energy_wh"]
        for row in replayed.asks(
            "select device_id, sum(energy_wh) as energy_wh from readings_washer group by device_id"
        )
    }
    assert found == {
        f"plug-{file.name.removesuffix('.csv.gz')}": pytest.approx(integral_wh(file), rel=0.01)
        for file in recordings("washer")
    }


CYCLES = "select device_id, started_at, duration_min, energy_wh, peak_w from wash_cycles order by device_id, started_at"


def assert_golden(found: list[dict[str, Any]], files: list[Path]) -> None:
    """Those files' wash cycles, each once, and no other."""
    names = {file.name for file in files}
    with GOLDEN.open(encoding="utf-8", newline="") as lines:
        rows = sorted(csv.DictReader(lines), key=lambda row: (row["file"], row["started"]))
    expected = [row for row in rows if row["file"] in names]
    assert [(row["device_id"], row["started_at"]) for row in found] == [
        (f"plug-{row['file'].removesuffix('.csv.gz')}", row["started"]) for row in expected
    ]
    for name, golden, tolerance in (("duration_min", "minutes", 0.06), ("energy_wh", "energy_wh", 0.06)):
        assert [row[name] for row in found] == [pytest.approx(float(row[golden]), abs=tolerance) for row in expected]
    assert [row["peak_w"] for row in found] == [pytest.approx(float(row["peak_w"]), abs=0.5) for row in expected]


def test_every_wash_cycle_is_found_once_and_none_is_invented(replayed: Terminal) -> None:
    assert_golden(replayed.asks(CYCLES), recordings("washer"))


def test_the_shipped_recording_s_wash_cycles_and_energy_are_found_on_any_clone(shipped: Terminal) -> None:
    assert_golden(shipped.asks(CYCLES), [SHIPPED])
    (row,) = shipped.asks("select sum(energy_wh) as energy_wh from readings_washer")
    assert row["energy_wh"] == pytest.approx(integral_wh(SHIPPED), rel=0.001)
    said = shipped.types("verify")
    assert said.code == 0, said


ALL_ROWS = """
    select device_id, seq, measured_at, span_ms, power_w, energy_wh from readings_washer
    order by device_id, seq, measured_at
"""


def test_a_capture_tells_another_stack_the_same_and_the_same_stack_nothing_new(
    shipped: Terminal, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("elsewhere")
    capture = folder / "washer.parquet"
    sent = shipped.reports("capture", "--product", "washer", capture)["records"]
    before = shipped.asks(ALL_ROWS)
    with running_stack(folder) as elsewhere:
        assert elsewhere.reports("replay", capture)["acknowledged"] == sent
        elsewhere.does("run", "--until-idle")
        assert elsewhere.asks(ALL_ROWS) == before
        assert elsewhere.asks(CYCLES) == shipped.asks(CYCLES)
        said = elsewhere.types("verify")
        assert said.code == 0, said
        assert f"{sent} accepted uploads are told by no truth" in said.out
    shipped.does("replay", capture)
    shipped.does("run", "--until-idle")
    assert shipped.asks(ALL_ROWS) == before
    verdict = shipped.verifies()
    assert (faults(verdict), verdict["duplicates"] + verdict["failed"]) == ({}, sent)


def tcx_says(content: bytes) -> tuple[float, float]:
    """Distance and duration as the sum of the laps' own totals."""
    laps = ElementTree.fromstring(content.lstrip()).findall(".//{*}Lap")
    totals = [
        [float(str(lap.findtext(f"{{*}}{name}"))) for name in ("DistanceMeters", "TotalTimeSeconds")] for lap in laps
    ]
    return sum(metres for metres, _ in totals), sum(seconds for _, seconds in totals)


def fit_says(content: bytes) -> tuple[float, float]:
    """Distance and duration as the session message has them."""
    with fitdecode.FitReader(content) as messages:
        (session,) = [
            message
            for message in messages
            if isinstance(message, fitdecode.FitDataMessage) and message.name == "session"
        ]
    return float(session.get_value("total_distance")), float(session.get_value("total_elapsed_time"))


def gpx_says(content: bytes) -> tuple[float, float]:
    """Great circles from point to point, and the time between the first and the last."""
    tree = ElementTree.fromstring(content)
    track = tree.findall(".//{*}trkpt")
    points = [[radians(float(point.attrib[name])) for name in ("lat", "lon")] for point in track]
    times = [datetime.fromisoformat(str(point.findtext("{*}time"))) for point in track]
    metres = 0.0
    for (lat, lon), (to_lat, to_lon) in pairwise(points):
        chord = sin((to_lat - lat) / 2) ** 2 + cos(lat) * cos(to_lat) * sin((to_lon - lon) / 2) ** 2
        metres += 2 * 6_371_000 * asin(sqrt(chord))
    return metres, (times[-1] - times[0]).total_seconds()


SAYS = {"tcx": tcx_says, "fit": fit_says, "gpx": gpx_says}


def test_each_run_is_found_once_with_the_distance_and_duration_that_its_file_states(replayed: Terminal) -> None:
    found = replayed.asks("select device_id, distance_m, duration_s from runs order by device_id")
    expected: list[dict[str, Any]] = []
    for file in recordings("shoe"):
        name, suffix = re.sub(r"\.gz$", "", file.name).rsplit(".", 1)
        metres, seconds = SAYS[suffix.lower()](gzip.decompress(file.read_bytes()))
        expected.append(
            {
                "device_id": f"run-{name}",
                "distance_m": pytest.approx(metres, rel=0.02),
                "duration_s": pytest.approx(seconds, rel=0.02),
            }
        )
    assert {Path(file.stem).suffix.lower() for file in recordings("shoe")} == {".tcx", ".fit", ".gpx"}
    assert len(found) == 3
    assert found == sorted(expected, key=lambda row: str(row["device_id"]))


def test_the_same_files_again_add_nothing(replayed: Terminal) -> None:
    totals = """
        select
            (select count(*) from uploads where outcome = 'accepted') as accepted,
            (select count(*) from readings_washer) as readings_washer,
            (select count(*) from readings_shoe) as readings_shoe,
            (select count(*) from wash_cycle_versions) as wash_cycle_versions,
            (select count(*) from run_versions) as run_versions,
            (select round(sum(energy_wh), 3) from readings_washer) as energy_wh
    """
    before = replayed.asks(totals)
    again = [recordings("washer")[0], *recordings("shoe")]
    sent = replayed.reports("replay", *again)["acknowledged"]
    replayed.does("run", "--until-idle")
    assert replayed.asks(totals) == before
    verdict = replayed.verifies()
    assert verdict["duplicates"] + verdict["failed"] == sent


def test_verify_agrees(replayed: Terminal) -> None:
    said = replayed.types("verify")
    assert said.code == 0, said
    assert "verdict: nothing lost, nothing twice, nothing wrong" in said.out
