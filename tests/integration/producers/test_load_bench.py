"""`vaxel bench simulator` starts, and its truths are right; how fast is not asked here."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.kafka, pytest.mark.bench]


def test_every_fleet_is_measured_and_nothing_is_left(tmp_path: Path) -> None:
    program = [sys.executable, "-m", "vaxel", "bench", "simulator", "--uploads", "20000", "--runs", "1", "--json"]
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    bench = subprocess.run(program, check=False, capture_output=True, text=True, env=environment, timeout=240)
    assert bench.returncode == 0, bench.stderr
    measured = json.loads(bench.stdout)
    assert len(measured) == 3
    for one in measured:
        assert one["wrong"] == []
        assert [lap["acknowledged"] for lap in one["laps"]] == [20_000]
        assert one["uploads_per_s"] > 0
        assert 18 < one["readings_per_upload"] <= 20
    assert list(tmp_path.iterdir()) == []
