"""How far a long command is, where nobody watches a bar."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from vaxel.__main__ import run
from vaxel.commands import showing

LIFE = ["simulate", "--washers", "8", "--shoes", "8", "--days", "3"]


def test_without_a_terminal_there_is_a_line_now_and_then(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with showing.progress("replay", "uploads", quiet=False) as show:
        show(0.1, 10)
        monkeypatch.setattr(showing, "LINE_EVERY_S", 0.0)
        show(0.5, 1_200)
        monkeypatch.setattr(showing, "LINE_EVERY_S", 10.0)
        show(0.6, 1_300)
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("replay: 50 %, 1,200 uploads, ")
    assert line.endswith("/s, 0 s left")


@pytest.mark.parametrize(
    ("share", "seconds", "left"),
    [
        (0.5, 60.0, ", 60 s left"),
        (0.1, 60.0, ", 9 min left"),
        (0.002, 60.0, ", 8 h 19 min left"),  # 14 days at --speed 40
        (0.002, 0.1, ""),
        (0.0, 60.0, ""),
        (1.0, 60.0, ", 0 s left"),
    ],
)
def test_time_left_is_told_once_it_can_be_known(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], share: float, seconds: float, left: str
) -> None:
    monkeypatch.setattr(showing, "LINE_EVERY_S", 0.0)
    now_s = 100.0
    monkeypatch.setattr("time.monotonic", lambda: now_s)
    with showing.progress("replay", "uploads", quiet=False) as show:
        now_s += seconds
        show(share, 1_200)
    monkeypatch.undo()
    (line,) = capsys.readouterr().err.splitlines()
    assert line.endswith(f"/s{left}")


def test_quiet_shows_nothing(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(showing, "LINE_EVERY_S", 0.0)
    with showing.progress("replay", "uploads", quiet=True) as show:
        show(0.5, 1_200)
    assert capsys.readouterr().err == ""


def test_reading_recordings_shows_how_many_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(showing, "LINE_EVERY_S", 0.0)
    paths = [tmp_path / f"{number}.csv" for number in range(3)]
    for path in paths:
        path.write_bytes(b"20/05/2012 10:00:00;1;1\r\n20/05/2012 10:00:01;1;1\r\n")
    assert run(["replay", *map(str, paths), "--data-dir", str(tmp_path / "data")]) == 3
    lines = capsys.readouterr().err.splitlines()
    assert [line.split(" files")[0] for line in lines[:3]] == ["read: 33 %, 1", "read: 67 %, 2", "read: 100 %, 3"]


def test_a_file_of_uploads_is_summed_up_and_its_making_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(showing, "LINE_EVERY_S", 0.0)
    path = tmp_path / "uploads.jsonl"
    assert run([*LIFE, "--to", str(path), "--fault", "duplicated=0.5", "--json"]) == 0
    said = capsys.readouterr()
    summary = json.loads(said.out)
    assert summary["sent"] == len(path.read_bytes().splitlines()) > 5
    assert summary["faults"]["duplicated"] > 0
    assert (summary["file"], said.err) == (str(path), "")
    assert run([*LIFE, "--to", str(path), "--fault", "duplicated=0.5", "--overwrite"]) == 0
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("simulate-7: ")
    assert said.err.splitlines()[-1].startswith(f"{summary['sent']:,} uploads written to {path} in ")


def test_days_that_are_lived_before_the_first_one_sent_are_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run([*LIFE, "--start", "2026-05-14", "--to", str(tmp_path / "uploads.jsonl")]) == 0
    told = capsys.readouterr().err
    assert told.startswith("simulate-7: the devices live from 2026-05-04 to 2026-05-14 first\n")
