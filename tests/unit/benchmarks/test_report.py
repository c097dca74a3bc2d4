"""Medians, ratios, and that a wrong answer has no speed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks.engine.latency import summed_up
from benchmarks.engine.measure import VAXEL, Measured, Plan, Row
from benchmarks.engine.race import Lap, Look, lap
from benchmarks.engine.report import HEADINGS, as_json, markdown, ratios, remarks, table
from benchmarks.results import with_section, write_section

PLAN = Plan({"single": 1_000}, 100, 10, 2, 3, 2, 0.0, None)


def a_row(contender: str, *speeds: int, wrong: str = "", other_cpu_s: float = 0.1) -> Row:
    laps = [Lap(speed, 1.0, 0.5, 0.25, other_cpu_s, [wrong] if wrong else []) for speed in speeds]
    return Row("single", 1, 1_000, 390.0, contender, "work", "exactly once", laps)


def measured(*rows: Row) -> Measured:
    return Measured(list(rows), [summed_up("single", 500.0, 499.0, [(0.0, 9.0), (9_000.0, 9_200.0)], [])])


FOUR = measured(
    a_row(VAXEL, 130, 150, 140),
    a_row("Kafka Streams, 1 thread", 70),
    a_row("Kafka Streams, 2 threads", 100),
    a_row("stock Faust", 10),
    a_row(f"{VAXEL}, 2 workers", 210),
)


def test_a_lap_is_what_lies_between_two_looks() -> None:
    assert lap(Look(10.0, 100, 1.0, 5.0, 20.0), Look(12.0, 500, 2.5, 5.5, 23.0), []) == Lap(400, 2.0, 1.5, 0.5, 1.0, [])
    assert lap(Look(10.0, 100, 1.0, None, 20.0), Look(12.0, 500, 2.5, None, 23.0), []).broker_cpu_s is None


def test_a_load_committed_in_one_go_has_no_speed() -> None:
    look = Look(10.0, 100, 1.0, None, 20.0)
    assert lap(look, look, []).uploads_per_s is None


def test_median_and_spread_stand_in_the_table() -> None:
    line = dict(zip(HEADINGS, table(FOUR)[0], strict=True))
    assert (line["uploads/s"], line["spread"], line["cores used"], line["answer"]) == (
        "140",
        "130-150",
        "0.50",
        "right",
    )


def test_the_better_kafka_streams_is_what_counts() -> None:
    assert ratios(FOUR)["single"] == {
        f"{VAXEL} / Kafka Streams (the better)": 1.4,
        f"{VAXEL} / stock Faust": 14.0,
        f"{VAXEL}, 2 workers / {VAXEL}": 1.5,
    }


def test_a_wrong_answer_has_no_speed_and_is_told() -> None:
    found = measured(a_row(VAXEL, 100), a_row("stock Faust", 10, wrong="sums of 1 are wrong"))
    line = dict(zip(HEADINGS, table(found)[1], strict=True))
    assert (line["uploads/s"], line["answer"]) == ("-", "WRONG")
    assert not found.is_right
    assert ratios(found) == {"single": {}}
    assert "single, stock Faust: WRONG: sums of 1 are wrong" in remarks(found)


def test_a_busy_machine_is_told() -> None:
    busy = measured(a_row(VAXEL, 100, other_cpu_s=1.3))
    assert any(
        remark.startswith("NOT A QUIET MACHINE: other programs used up to 1.3 cores") for remark in remarks(busy)
    )
    assert not any(remark.startswith("NOT A QUIET") for remark in remarks(FOUR))


def test_latency_leaves_the_warm_up_out() -> None:
    (latency,) = FOUR.latencies
    assert (latency.cycles, latency.p50_ms, latency.highest_ms) == (1, 200.0, 200.0)


def test_json_holds_every_lap() -> None:
    told = json.loads(json.dumps(as_json(FOUR, PLAN, {"Machine": "one"})))
    assert [row["uploads_per_s"] for row in told["rows"]] == [140, 70, 100, 10, 210]
    assert told["rows"][0]["laps"][0] == {
        "uploads": 130, "seconds": 1.0, "cpu_s": 0.5, "broker_cpu_s": 0.25, "other_cpu_s": 0.1, "wrong": [],
    }  # fmt: skip


def test_markdown_names_load_work_and_machine() -> None:
    text = markdown(FOUR, PLAN, {"Machine": "one"})
    for part in ("- Machine: one", "| single | Växel | 140 |", "1,000 uploads of 390 bytes", "- stock Faust: work"):
        assert part in text


@pytest.mark.parametrize("other", ["recovery", "engineering"])
def test_a_section_replaces_itself_alone(tmp_path: Path, other: str) -> None:
    path = tmp_path / "RESULTS.md"
    write_section("engine", "old", path)
    write_section(other, "other\n\n### deeper", path)
    once = path.read_text()
    write_section("engine", "new", path)
    assert path.read_text() == once.replace("old", "new")
    assert with_section(once, "engine", "old") == once
