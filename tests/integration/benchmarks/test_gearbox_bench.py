"""The gearbox's benchmark, small: every contender starts, holds the same rows, and gives what is said of it."""

from __future__ import annotations

import pytest

from benchmarks.gearbox import Measured, Size, measure
from benchmarks.gearbox_course import STEPS
from benchmarks.gearbox_report import markdown
from benchmarks.jdbc_sink import SINKS

pytestmark = [pytest.mark.bench, pytest.mark.kafka, pytest.mark.postgres]
SIZE = Size(rows=6_000, changes=1_500, runs=1)


@pytest.fixture(scope="module")
def measured() -> Measured:
    return measure(SIZE, lambda _: None)


def test_all_contenders_hold_the_rows_that_they_shall(measured: Measured) -> None:
    (run,) = measured.gearbox
    assert [(step.name, step.wrong) for step in run.steps] == [(name, "") for name in STEPS]
    assert [(one.sink, one.shape, one.wrong) for one in measured.sinks] == [
        (sink.name, shape, "") for sink in SINKS for shape in ("one", "three")
    ]
    assert measured.is_right


def test_the_gearbox_writes_what_differs_and_audits_each_field_of_it(measured: Measured) -> None:
    (run,) = measured.gearbox
    found = {step.name: (step.written, step.audited) for step in run.steps}
    assert found["apply one"] == found["undo"] == (1_500, 1_500)
    assert found["apply three"] == (500, 1_500)
    assert found["no-op"] == found["plan"] == (0, 0)


def test_a_person_s_edit_stands_at_the_gearbox_and_falls_at_the_sink(measured: Measured) -> None:
    assert [(run.edits.made, run.edits.standing) for run in measured.gearbox] == [(100, 100)]
    assert [(run.edits.made, run.edits.standing) for run in measured.sinks] == [(100, 0)] * 4


def test_the_sink_s_time_goes_from_its_task_to_its_last_commit(measured: Measured) -> None:
    for run in measured.sinks:
        assert 0 <= run.committed.sustained_s <= run.committed.seconds
        assert 0 <= run.committed.sustained_rows < run.rows
    default = measured.sinks[0].committed
    assert default.commits > 1, "batches of 500"


def test_the_section_tells_every_contender(measured: Measured) -> None:
    section = markdown(measured, {})
    assert all(f"| {name} |" in section for name in ("gearbox", *(sink.name for sink in SINKS)))
