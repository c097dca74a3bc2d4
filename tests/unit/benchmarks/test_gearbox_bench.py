"""The gearbox's benchmark: how many rows a load changes, what a record says, medians, and what a wrong answer gets."""

from __future__ import annotations

import json

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.gearbox import GearboxRun, Measured, SinkRun, Size
from benchmarks.gearbox_course import STEPS, Edits, Step
from benchmarks.gearbox_load import FIELDS, NOTHING, Change, Sales
from benchmarks.gearbox_report import GUARANTEES, HEADINGS, as_json, figures, guarantees, markdown, remarks, table
from benchmarks.jdbc_sink import DEFAULT, SINKS, Committed
from benchmarks.jdbc_sink_records import records

SIZE = Size(rows=1_000, changes=300, runs=3)


def a_run(seconds: float, wrong: str = "", standing: int = 50) -> GearboxRun:
    steps = [Step(name, 300, 300, seconds, 300, 300, wrong if name == "apply one" else "") for name in STEPS]
    return GearboxRun(steps, Edits(50, standing))


def a_sink_run(sink: str, shape: str, seconds: float, wrong: str = "", rest: int = 200) -> SinkRun:
    committed = Committed(seconds, seconds / 2 if rest else 0.0, rest, 2 if rest else 1)
    return SinkRun(sink, shape, 300, 300, committed, Edits(50, 0), wrong)


def measured(wrong: str = "", sink_wrong: str = "", standing: int = 50, rest: int = 200) -> Measured:
    gearbox = [a_run(seconds, wrong if seconds == 3.0 else "", standing) for seconds in (1.0, 3.0, 2.0)]
    sinks = [
        a_sink_run(sink.name, shape, seconds, sink_wrong, rest)
        for seconds in (1.0, 3.0, 2.0)
        for sink in SINKS
        for shape in ("one", "three")
    ]
    return Measured(SIZE, "18.0", gearbox, sinks)


@given(rows=st.integers(1, 3_000), share=st.floats(0, 1), fields=st.integers(1, 3))
def test_a_change_is_of_exactly_as_many_rows_and_fields_as_it_says(rows: int, share: float, fields: int) -> None:
    sales, change = Sales(rows), Change(int(rows * share), fields, 5)
    before, after = sales.wanted(NOTHING), sales.wanted(change)
    differing = [pc.sum(pc.not_equal(before.column(name), after.column(name))).as_py() or 0 for name in FIELDS]
    assert differing == [change.rows] * fields + [0] * (3 - fields)
    assert len(sales.chosen(change)) == change.rows


def test_keys_are_unique_and_months_go_through_the_year() -> None:
    table = Sales(30).wanted(NOTHING)
    keys = list(zip(table.column("material").to_pylist(), table.column("month").to_pylist(), strict=True))
    assert len(set(keys)) == 30
    assert (keys[0][0], keys[11][0], keys[12][0]) == ("WM-0000000", "WM-0000000", "WM-0000001")
    assert (keys[0][1].isoformat(), keys[11][1].isoformat()) == ("2025-01-01", "2025-12-01")


def test_a_third_of_the_rows_have_three_changed_fields() -> None:
    assert Size(1_000, 100, 1).change("one") == Change(100, 1, 2)
    assert Size(1_000, 100, 1).change("three") == Change(34, 3, 4)


def test_a_record_is_the_whole_row_with_its_key_and_schema() -> None:
    rows = Sales(12).chosen(Change(12, 1, 5)).slice(1, 1)
    ((key, value),) = records(rows)
    assert json.loads(key)["payload"] == {"material": "WM-0000000", "month": 20_120}
    assert json.loads(value)["payload"] == {"sold_qty": 1_001, "activated_qty": 6, "in_use_qty": 1, "dormant_qty": 1}
    told = {field["field"]: field["type"] for field in json.loads(value)["schema"]["fields"]}
    assert told == dict.fromkeys(("sold_qty", *FIELDS), "int64")
    month = json.loads(key)["schema"]["fields"][1]
    assert (month["type"], month["name"]) == ("int32", "org.apache.kafka.connect.data.Date")


def test_a_line_has_the_median_and_the_spread_of_its_runs() -> None:
    line = dict(zip(HEADINGS, next(one for one in table(measured()) if one[1] == STEPS["apply one"]), strict=True))
    assert (line["seconds"], line["spread"], line["answer"]) == ("2.00", "1.00-3.00", "right")
    assert (line["rows/s"], line["fields/s"]) == ("150", "150")


def test_a_plan_looks_at_every_row_and_writes_none() -> None:
    line = dict(zip(HEADINGS, table(measured())[0], strict=True))
    assert (line["rows"], line["rows/s"], line["fields/s"]) == ("1,000", "500", "-")


def test_one_wrong_run_takes_the_speed_from_its_line_alone() -> None:
    found = measured(wrong="3 rows are not as wanted")
    wrong = [one for one in figures(found) if one.wrong]
    assert [one.step for one in wrong] == [STEPS["apply one"]]
    assert (wrong[0].median_s, wrong[0].rows_per_s, wrong[0].fields_per_s) == (None, None, None)
    assert not found.is_right
    assert any("3 rows are not as wanted" in remark for remark in remarks(found))


@pytest.mark.parametrize("found", [measured(sink_wrong="2 rows"), measured(standing=49)])
def test_a_wrong_sink_and_an_overwritten_person_are_wrong_answers(found: Measured) -> None:
    assert measured().is_right
    assert not found.is_right


def test_a_sink_with_one_commit_has_no_pace_between_commits() -> None:
    def steps(rest: int) -> int:
        return sum(one.contender == DEFAULT.name for one in figures(measured(rest=rest)))

    assert (steps(200), steps(0)) == (4, 2)


def test_people_edits_are_told_of_the_worst_run_of_ours_and_the_best_of_theirs() -> None:
    assert dict(zip(GUARANTEES, guarantees(measured(standing=49))[-1], strict=True)) == {
        "": "figures that people set meanwhile and that stand",
        "gearbox": "49 of 50",
        DEFAULT.name: "0 of 50",
    }


def test_the_section_names_the_machine_and_every_line_and_its_json_can_be_written() -> None:
    found = measured()
    section = markdown(found, {"Machine": "two cores"})
    assert "- Machine: two cores" in section
    assert "\n## " not in section
    assert all(f"| {' | '.join(line)} |" in section for line in table(found))
    assert json.loads(json.dumps(as_json(found)))["is_right"] is True


def test_wanted_has_what_a_model_gives() -> None:
    assert Sales(3).wanted(NOTHING).schema.names == ["material", "month", *FIELDS, "why_unit_count"]
    assert isinstance(Sales(3).wanted(NOTHING), pa.Table)
