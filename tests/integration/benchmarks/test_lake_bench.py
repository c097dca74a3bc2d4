"""Every contender of the lake's benchmark answers rightly; how fast is not asked here."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.kafka, pytest.mark.postgres, pytest.mark.bench]


def test_every_contender_answers_the_twelve_questions_rightly_and_nothing_is_left(tmp_path: Path) -> None:
    sizes = ("--readings", "300000", "--postgres", "100000", "--runs", "1")
    bench = subprocess.run(
        [sys.executable, "-m", "vaxel", "bench", "lake", "--only", "queries", *sizes, "--json"],
        env={**os.environ, "TMPDIR": str(tmp_path)}, capture_output=True, text=True, timeout=400, check=False,
    )  # fmt: skip
    assert bench.returncode == 0, bench.stderr
    found = json.loads(bench.stdout)["queries"]
    assert found["is_right"]
    assert 0 < found["part_readings"] < found["readings"]
    asked = {(answer["query"], answer["contender"]) for answer in found["answers"]}
    assert len(asked) == len(found["answers"]) == 12 * 4
    assert list(tmp_path.iterdir()) == []
