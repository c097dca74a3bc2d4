"""The ingest benchmark, small: everything it measures gives the right answer."""

from __future__ import annotations

import pytest

from benchmarks.lake_ingest import CONTENDERS, SINK, markdown, measure

pytestmark = [pytest.mark.kafka, pytest.mark.postgres]


def test_all_contenders_hold_all_readings() -> None:
    measured = measure(250_000, lambda _: None)
    assert [(one.name, one.readings, one.wrong) for one in measured] == [(name, 250_000, "") for name in CONTENDERS]
    assert all(one.files >= 1 and one.cpu_s > 0 and one.total_s > 0 for one in measured)
    assert SINK in markdown(measured)
