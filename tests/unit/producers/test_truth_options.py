"""A seed has one set of options in a data directory."""

from __future__ import annotations

from pathlib import Path

import pytest

from producers.truth_folder import new_truth_folder
from producers.truth_options import OPTIONS_FILE, Options, keep_options, require_same_options
from schemas.errors import OutsideError, UsageError

OPTIONS: Options = {"--seed": 7, "--washers": 40, "--shoes": 40, "--fault late": "0.01", "--roll-out": ""}


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    """Two runs were told there."""
    for number in range(2):
        keep_options(new_truth_folder(tmp_path, f"run-{number}").path, "simulate", OPTIONS)
    new_truth_folder(tmp_path, "of another release, without options")
    return tmp_path


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("simulate", OPTIONS),
        ("simulate", {**OPTIONS, "--seed": 8, "--washers": 50}),
        ("load", {**OPTIONS, "--washers": 50}),
    ],
)
def test_the_same_options_another_seed_and_another_kind_of_run_are_let_through(
    data_dir: Path, kind: str, options: Options
) -> None:
    require_same_options(data_dir, kind, options)


@pytest.mark.parametrize(
    ("changed", "had"),
    [
        ({"--washers": 50}, "--washers 40"),
        ({"--washers": 50, "--shoes": 0}, "--washers 40 --shoes 40"),
        ({"--fault late": "0.02"}, "--fault late=0.01"),
        ({"--roll-out": "washer:3.3.0@2026-05-10"}, "no --roll-out"),
    ],
)
def test_other_options_of_a_seed_are_refused_and_those_it_had_are_told(
    data_dir: Path, changed: Options, had: str
) -> None:
    with pytest.raises(UsageError) as refused:
        require_same_options(data_dir, "simulate", {**OPTIONS, **changed})
    assert str(refused.value).startswith(f"seed 7 was simulated here with {had}: the same, another --seed or another ")


def test_nothing_was_told_yet(tmp_path: Path) -> None:
    require_same_options(tmp_path / "absent", "simulate", OPTIONS)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"kind": "simulate", "options": 7}'])
def test_a_file_that_is_no_such_is_named(data_dir: Path, text: str) -> None:
    (path,) = (data_dir / "truth").glob(f"run-1/{OPTIONS_FILE}")
    path.write_text(text)
    with pytest.raises(OutsideError, match="run-1"):
        require_same_options(data_dir, "simulate", OPTIONS)


def test_options_that_cannot_be_kept_are_told(tmp_path: Path) -> None:
    with pytest.raises(OutsideError, match="Cannot write the truth"):
        keep_options(tmp_path / "absent", "simulate", OPTIONS)
