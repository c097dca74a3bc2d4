"""The picture of a report, which takes half a second to load what draws it."""

from __future__ import annotations

from pathlib import Path

from benchmarks.engine.report import draw
from tests.unit.benchmarks.test_report import FOUR


def test_a_report_has_a_picture(tmp_path: Path) -> None:
    draw(FOUR, tmp_path / "engine.png")
    assert (tmp_path / "engine.png").stat().st_size > 1_000
