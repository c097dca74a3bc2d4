"""Wrong calls of `simulate` and `replay` end in one line and an exit code."""

from __future__ import annotations

from pathlib import Path

import pytest

from schemas.uploads import ShoeUpload
from vaxel.__main__ import run


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["simulate", "--late", "2"], "--late is 2.0: a share of uploads from 0 to 1 is accepted"),
        (["simulate", "--late", "0.6", "--corrupt", "0.6"], "an upload meets one fault at most"),
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
        (["simulate", "--late", "nan"], "--late is nan: a share of uploads from 0 to 1 is accepted"),
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
    call = ["simulate", "--washers", "0", "--shoes", "2", "--days", "5", "--corrupt", "0", "--to", str(path)]
    assert run(call) == 0
    uploads = [ShoeUpload.model_validate_json(line) for line in path.read_bytes().splitlines()]
    assert len(uploads) > 2
    first = path.read_bytes()
    assert run(call) == 0
    assert path.read_bytes() == first
