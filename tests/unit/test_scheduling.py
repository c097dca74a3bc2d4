"""How test files are given out to processes."""

from __future__ import annotations

import re
from pathlib import Path

from tests.scheduling import PIPELINE, SOUND, rank, shared_by

ROOT = Path(__file__).parents[2]


def test_every_file_that_asks_for_the_sound_pipeline_goes_to_the_same_process() -> None:
    files = {file.relative_to(ROOT).as_posix(): file.read_text() for file in (ROOT / PIPELINE).glob("test_*.py")}
    asking = {name for name, text in files.items() if re.search(r"\bsound: Terminal\b", text)}
    assert asking == SOUND
    assert len({shared_by(name) for name in asking}) == 1


def test_every_other_file_is_given_out_by_itself() -> None:
    assert shared_by(f"{PIPELINE}test_failed.py") == f"{PIPELINE}test_failed.py"


def test_whole_pipelines_go_first_and_unit_tests_last() -> None:
    files = ["tests/unit/test_packages.py", "tests/integration/lake/test_s3.py", f"{PIPELINE}test_failed.py"]
    assert sorted(files, key=rank) == files[::-1]
