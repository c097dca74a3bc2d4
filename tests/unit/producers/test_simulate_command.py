"""What `vaxel simulate` refuses, what it remembers, and what it prints; Kafka is imitated."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
import typer

from producers.mistakes import mistakes_of
from producers.truth_options import OPTIONS_FILE
from tests.unit.producers.test_publish import FakeProducer
from vaxel.__main__ import run
from vaxel.commands.publishing import tell

FLEET = ("--washers", "3", "--shoes", "3", "--days", "2")

Simulate = Callable[..., int]


@pytest.fixture
def simulate(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Simulate:
    """`vaxel simulate` with a small fleet, in a data directory of its own."""

    def connected(_: Mapping[str, str]) -> FakeProducer:
        return FakeProducer()

    monkeypatch.setenv("VAXEL_KAFKA", "imitated:9092")
    monkeypatch.setattr("producers.publish.connect", connected)
    return lambda *more: run(["simulate", *FLEET, "--quiet", "--data-dir", str(tmp_path), *more])


@pytest.mark.parametrize(
    ("more", "had"),
    [
        (["--washers", "4"], "--washers 3"),
        (["--shoes", "4"], "--shoes 3"),
        (["--fault", "late=0.02"], "--fault late=0.01"),
        (["--roll-out", "washer:3.3.0@2026-05-05"], "no --roll-out"),
    ],
)
def test_a_seed_that_was_simulated_with_other_options_is_refused_before_anything_is_sent(
    simulate: Simulate, tmp_path: Path, capsys: pytest.CaptureFixture[str], more: list[str], had: str
) -> None:
    assert simulate() == 0
    capsys.readouterr()
    assert simulate(*more) == 2
    said = capsys.readouterr().err
    assert said.startswith(f"vaxel: seed 7 was simulated here with {had}: the same, another --seed or another ")
    assert said.count("\n") == 1
    assert len(list(tmp_path.glob("truth/*"))) == 1


def test_other_days_of_the_same_fleet_and_other_seeds_are_let_through(simulate: Simulate, tmp_path: Path) -> None:
    spelt = ("--roll-out", "washer:3.3.0@2026-05-05*1"), ("--roll-out", "washer:3.3.0@2026-05-05")
    assert simulate(*spelt[0]) == 0
    assert simulate(*spelt[1], "--days", "3") == 0
    assert simulate(*spelt[1], "--start", "2026-05-06", "--rate", "100000") == 0
    assert simulate("--seed", "8") == 0
    assert len(list(tmp_path.glob(f"truth/*/{OPTIONS_FILE}"))) == 4


def test_a_file_that_holds_something_is_replaced_only_where_that_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "mine.csv"
    path.write_text("mine")
    call = ["simulate", *FLEET, "--to", str(path)]
    assert run(call) == 2
    assert capsys.readouterr().err == f"vaxel: '{path}' is there already: another name, or --overwrite, is accepted\n"
    assert path.read_text() == "mine"
    assert run([*call, "--overwrite"]) == 0
    assert path.read_bytes().startswith(b"{")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--washers", "0", "--shoes", "0"], "--washers 0 with --shoes 0: at least one device is needed"),
        (["--washers", "0", "--shoes", "0", "--load", "5"], "--washers 0 with --shoes 0: at least one device is "),
        (["--overwrite"], "--overwrite is for the file of --to, which is not given"),
        (["--load", "5", "--to", "x"], "--load does not go with --to"),
    ],
)
def test_what_makes_no_sense_is_told_in_one_line(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["simulate", *arguments]) == 2
    said = capsys.readouterr().err
    assert message in said
    assert said.count("\n") == 1


def test_help_lists_every_mistake_of_a_roll_out(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["simulate", "--help"]) == 0
    said = capsys.readouterr().out
    assert [name for product in ("washer", "shoe") for name in mistakes_of(product) if name not in said] == []


SUMMARY = {
    "acknowledged": 167_634,
    "sent": 167_634,
    "seconds": 21.5,
    "uploads_per_second": 7_797,
    "faults": {"late": 1_500, "lost": 3},
    "sessions": 4_877,
    "truth": ".vaxel/truth/x",
    "interrupted": False,
}


def test_numbers_for_people_are_grouped_and_those_for_programs_are_not(capsys: pytest.CaptureFixture[str]) -> None:
    tell(SUMMARY, as_json=False)
    assert capsys.readouterr().out == (
        "167,634 of 167,634 uploads acknowledged in 21.5 s, 7,797/s; faults: 1,500 late, 3 lost; sessions: 4,877; "
        "truth: .vaxel/truth/x\n"
    )
    tell(SUMMARY, as_json=True)
    assert json.loads(capsys.readouterr().out) == SUMMARY


def test_of_recordings_neither_faults_nor_sessions_are_told(capsys: pytest.CaptureFixture[str]) -> None:
    recordings = SUMMARY | {"recordings": [], "interrupted": True, "faults": {}, "sessions": 0}
    with pytest.raises(typer.Exit):
        tell(recordings, as_json=False)
    assert capsys.readouterr().out == (
        "interrupted: 167,634 of 167,634 uploads acknowledged in 21.5 s, 7,797/s; truth: .vaxel/truth/x\n"
    )
