"""Wrong calls of `simulate` and `replay` end in one line and an exit code."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import pytest

from producers.fault_rates import FaultRates
from schemas.uploads import ShoeUpload
from vaxel.__main__ import run
from vaxel.commands.simulate import DEFAULT_FAULTS


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["simulate", "--fault", "late=2"], "--fault late=2.0: a share of uploads from 0 to 1 is accepted"),
        (["simulate", "--fault", "late=0.6", "--fault", "lost=0.6"], "an upload meets one fault at most"),
        (["simulate", "--fault", "corrupt=0.1"], "NAME being one of lost, duplicated, altered, late, "),
        (
            ["simulate", "--roll-out", "washer"],
            "--roll-out 'washer': a part is missing; accepted is PRODUCT:FIRMWARE@DAY, ",
        ),
        (["simulate", "--washers", "1000001"], "--washers"),
        (["seed", "--washers", "1000001"], "1000000"),
        (["seed", "--shoes", "1000001"], "1000000"),
        (["simulate", "--speed", "0"], "--speed"),
        (["simulate", "--speed", "nan"], "--speed"),
        (["simulate", "--start", "2999-01-01"], "--start 2999-01-01 with --days 14 ends in the future"),
        (["simulate", "--start", "9999-12-31"], "--start 9999-12-31 with --days 14 ends in the future"),
        (["simulate", "--start", "1999-01-01"], "--start 1999-01-01: the simulated life begins on 2026-05-04"),
        (["simulate", "--start", "0001-01-01"], "--start 0001-01-01: the simulated life begins on 2026-05-04"),
        (["simulate", "--start", "2026-05-03"], "--start 2026-05-03: the simulated life begins on 2026-05-04"),
        (["seed", "--start", "1999-01-01"], "--start 1999-01-01: the simulated life begins on 2026-05-04"),
        (["seed", "--start", "0001-01-01"], "--start 0001-01-01: the simulated life begins on 2026-05-04"),
        (["seed", "--start", "9999-12-31"], "--start 9999-12-31 with --days 14 ends in the future"),
        (["simulate", "--rate", "nan"], "--rate"),
        (["replay", "absent.csv", "--rate", "nan"], "--rate"),
        (["simulate", "--fault", "late=nan"], "--fault late=nan: a share of uploads from 0 to 1 is accepted"),
        (["simulate", "--start", "tomorrow"], "tomorrow"),
        (["simulate", "--days", "0"], "--days"),
        (["simulate", "--seed", "-1"], "--seed"),
        (["replay", "absent.csv"], "Cannot replay 'absent.csv': No such file or directory"),
        (["replay"], "FILE"),
    ],
)
def test_a_wrong_call_is_told_in_one_line(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(arguments) == 2
    told = capsys.readouterr().err
    assert message in told
    assert told.count("\n") == 1


def test_uploads_go_to_a_file_instead_of_kafka(tmp_path: Path) -> None:
    path = tmp_path / "uploads.jsonl"
    call = ["simulate", "--washers", "0", "--shoes", "2", "--days", "5", "--no-faults", "--to", str(path)]
    assert run(call) == 0
    uploads = [ShoeUpload.model_validate_json(line) for line in path.read_bytes().splitlines()]
    assert len(uploads) > 2
    first = path.read_bytes()
    assert run([*call, "--overwrite"]) == 0
    assert path.read_bytes() == first


def test_help_names_every_fault_with_its_default_share() -> None:
    told = dict(pair.split("=") for pair in DEFAULT_FAULTS.split())
    assert {name: float(share) for name, share in told.items()} == asdict(FaultRates())


def test_a_lost_upload_is_not_in_the_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "uploads.jsonl"
    call = ["simulate", "--washers", "5", "--shoes", "5", "--days", "2", "--no-faults", "--json", "--to", str(path)]
    assert run(call) == 0
    sent = json.loads(capsys.readouterr().out)["sent"]
    assert run([*call, "--fault", "lost=0.5", "--overwrite"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["sent"] == len(path.read_bytes().splitlines()) == sent - told["faults"]["lost"]
    assert told["faults"]["lost"] > 10


def test_a_roll_out_with_a_mistake_is_among_the_faults(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    call = ["simulate", "--washers", "10", "--shoes", "0", "--days", "3", "--no-faults", "--json"]
    path = tmp_path / "uploads.jsonl"
    assert run([*call, "--to", str(path), "--roll-out", "washer:9.9.9@2026-05-05!power_kw"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert 0 < told["faults"]["wrong_unit"] < told["sent"]
    assert b'"firmware":"9.9.9"' in path.read_bytes()
