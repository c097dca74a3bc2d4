"""README's commands, run as they stand there."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
LONGEST_S = 300


@pytest.mark.kafka
@pytest.mark.postgres
def test_the_steps_of_readme_run_one_after_the_other(tmp_path: Path) -> None:
    commands = _commands("steps")
    assert len(commands) > 8
    with _shell(tmp_path) as does:
        for command in commands:
            assert does(command).strip(), f"{command} says something"


@pytest.mark.kafka
@pytest.mark.postgres
def test_the_gearbox_does_what_readme_shows(tmp_path: Path) -> None:
    steps = _commands("steps")
    with _shell(tmp_path) as does:
        for command in steps[: steps.index("vaxel gearbox apply 1") + 1]:
            does(command)
        said = {command.removeprefix("vaxel "): does(command) for command in _commands("gearbox")}
    assert "as it was written" in said["gearbox verify"]
    assert "needs an approval" in said['gearbox undo 1 --reason "the figures came too early"']


@pytest.mark.kafka
@pytest.mark.postgres
def test_a_recording_a_capture_and_what_was_refused_go_the_way_readme_shows(tmp_path: Path) -> None:
    (tmp_path / "producers").symlink_to(ROOT / "producers")
    with _shell(tmp_path) as does:
        said = {command: does(command) for command in [*_commands("recordings"), *_commands("refused")]}
    assert "(3 rows" in next(text for command, text in said.items() if command.startswith("vaxel sql"))
    assert 'from = "kW"' in (tmp_path / "rule.toml").read_text()
    assert "verdict: nothing lost, nothing twice, nothing wrong" in said["vaxel verify"]


@pytest.mark.kafka
@pytest.mark.postgres
def test_the_lake_is_described_drawn_looked_after_and_told_anew_as_readme_shows(tmp_path: Path) -> None:
    steps = _commands("steps")
    with _shell(tmp_path) as does:
        for command in steps[: steps.index("vaxel run --until-idle") + 1]:
            does(command)
        said = {command.removeprefix("vaxel "): does(command) for command in _commands("lake")}
    assert (tmp_path / "load.png").read_bytes().startswith(b"\x89PNG")
    assert "Wh" in said["sql --describe sessions_current"]
    assert "ATTACH 'ducklake:postgres:" in said["lake attach --python"]
    told_anew = next(text for command, text in said.items() if command.endswith("--dry-run"))
    assert "0 change" in told_anew
    assert "maintain: not due" in said["lake status"]
    # The same fleet sent again would come as duplicates, and look like breakage.
    assert not [command for command in said if command.startswith(("seed", "simulate"))]


def _commands(name: str) -> list[str]:
    """The commands of the block of README that is marked so."""
    block = re.search(rf"<!-- {name}:.*?-->\n```console\n(.*?)```", README, re.DOTALL)
    assert block is not None, f"README has its {name}"
    return [line.removeprefix("$ ") for line in block[1].splitlines()]


@contextmanager
def _shell(folder: Path) -> Iterator[Callable[[str], str]]:
    """Runs `vaxel ...` in a folder of its own and returns what it printed; it must succeed."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith("VAXEL_")}
    environ["VAXEL_DATA_DIR"] = str(folder)

    def does(command: str) -> str:
        words = shlex.split(command)
        assert words[0] == "vaxel"
        done = subprocess.run(
            [sys.executable, "-m", *words],
            cwd=folder,
            env=environ,
            capture_output=True,
            text=True,
            timeout=LONGEST_S,
            check=False,
        )
        assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
        return done.stdout

    try:
        yield does
    finally:
        down = [sys.executable, "-m", "vaxel", "down"]
        subprocess.run(down, cwd=folder, env=environ, capture_output=True, timeout=LONGEST_S, check=False)


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
    units = "uploads/s|readings/s|readings took|ms|s, at|s and|s;|times as long|bytes of memory"
    quoted = re.findall(rf"[\d.,]*\d(?=\s+(?:{units}))", README)
    assert len(quoted) == 18
    assert [figure for figure in quoted if not re.search(rf"(?<![\d.,]){re.escape(figure)}(?![\d.,])", results)] == []


def test_how_right_the_facts_are_is_told_as_it_was_measured() -> None:
    block = re.search(r"<!-- quality:.*?-->\n(.*?)\n\n", README, re.DOTALL)
    assert block is not None, "README has its table"
    rows, results = block[1].splitlines(), (ROOT / "benchmarks" / "RESULTS.md").read_text().splitlines()
    assert len(rows) > 10
    assert [row for row in rows if row not in results] == []
