"""README's commands, run as they stand there."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
LONGEST_S = 300


@pytest.mark.kafka
@pytest.mark.postgres
def test_the_steps_of_readme_run_one_after_the_other(tmp_path: Path) -> None:
    environ = {name: value for name, value in os.environ.items() if not name.startswith("VAXEL_")}
    environ["VAXEL_DATA_DIR"] = str(tmp_path)
    block = re.search(r"<!-- steps:.*?-->\n```console\n(.*?)```", README, re.DOTALL)
    assert block is not None, "README has its steps"
    commands = [line.removeprefix("$ ") for line in block[1].splitlines()]
    assert len(commands) > 8
    try:
        for command in commands:
            words = shlex.split(command)
            assert words[0] == "vaxel"
            done = subprocess.run(
                [sys.executable, "-m", *words],
                cwd=tmp_path,
                env=environ,
                capture_output=True,
                text=True,
                timeout=LONGEST_S,
                check=False,
            )
            assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
            assert done.stdout.strip(), f"{command} says something"
    finally:
        down = [sys.executable, "-m", "vaxel", "down"]
        subprocess.run(down, cwd=tmp_path, env=environ, capture_output=True, timeout=LONGEST_S, check=False)


def test_every_command_of_the_command_line_is_in_readme() -> None:
    listed = subprocess.run(
        [sys.executable, "-m", "vaxel", "--help"], capture_output=True, text=True, timeout=60, check=True
    ).stdout
    commands = re.findall(r"^│ ([a-z]+) ", listed, re.MULTILINE)
    assert len(commands) > 8
    assert [command for command in commands if f"vaxel {command}" not in README] == []


def test_every_place_that_readme_links_to_is_there() -> None:
    places = [place for place in re.findall(r"\]\(([^)#]+)\)", README) if "://" not in place]
    assert len(places) > 8
    assert [place for place in places if not (ROOT / place).exists()] == []


def test_measured_figures_are_in_the_results() -> None:
    results = (ROOT / "benchmarks" / "RESULTS.md").read_text()
    quoted = re.findall(r"[\d.,]*\d(?=\s+(?:uploads/s|readings/s|ms|s, at|bytes of memory))", README)
    assert len(quoted) == 10
    assert [figure for figure in quoted if not re.search(rf"(?<![\d.,]){re.escape(figure)}(?![\d.,])", results)] == []
