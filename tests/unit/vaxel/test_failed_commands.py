"""`vaxel failed list`, `propose` and `repair` on a lake that is imitated."""

from __future__ import annotations

import json
import shlex
import tomllib
from pathlib import Path

import pytest

from schemas.repairs import REPAIRS_FOLDER
from streams.repair_rule import Selection
from vaxel.__main__ import run
from vaxel.failed_events import Answer

COHORTS = [("WM-6010", "2.4.0", "water_l", "ml", "l", 30), ("WM-7020", "9.0.1", "power_w", "kW", "W", 4)]


class Lake:
    """Holds two cohorts and two groups; no rule selects any of it."""

    def cohorts(self, chosen: Selection) -> Answer:
        rows = [row for row in COHORTS if chosen.material in (None, row[0])]
        return Answer(["material", "firmware", "field", "found", "accepted", "events"], [*rows])

    def groups(self, _: Selection, _limit: int | None) -> Answer:
        return Answer(["reason", "material", "events"], [("not_utf8", None, 1), ("late", "WM-6010", 12)])

    def count(self, _: Selection) -> int:
        return 0


@pytest.fixture(autouse=True)
def lake(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("failed", "failed_repair"):
        monkeypatch.setattr(f"vaxel.commands.{module}.opened", lambda _: Lake())


def test_what_is_not_known_is_a_dash_in_the_table_and_null_for_programs(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["failed", "list"]) == 0
    assert capsys.readouterr().out.splitlines()[2:] == [
        "not_utf8  -              1",
        "late      WM-6010       12",
        "(2 rows)",
    ]
    assert run(["failed", "list", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)[0]["material"] is None


def test_each_of_several_proposals_says_how_it_gets_into_a_file_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(["failed", "propose"]) == 0
    printed = capsys.readouterr().out
    heads = [line for line in printed.splitlines() if line.startswith("#")]
    assert [head.partition(",")[0] for head in heads] == ["# rule 1 of 2", "# rule 2 of 2"]
    for head in heads:
        its_own = shlex.split(head.partition("own: ")[2])
        assert its_own[0] == "vaxel"
        assert run(its_own[1:]) == 0
    files = [(tmp_path / f"rule-{number}.toml").read_text() for number in (1, 2)]
    assert [tomllib.loads(text)["select"]["material"] for text in files] == ["WM-6010", "WM-7020"]
    assert printed == f"{heads[0]}\n{files[0]}\n{heads[1]}\n{files[1]}"


def test_one_proposal_is_a_rule_as_it_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["failed", "propose", "--model", "WM-7020"]) == 0
    printed = capsys.readouterr().out
    assert "#" not in printed
    assert tomllib.loads(printed)["select"]["firmware"] == "9.0.1"


def test_what_comes_next_names_the_data_directory_it_is_about(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rule, data_dir = tmp_path / "rule.toml", tmp_path / "data"
    call = ["failed", "propose", "--model", "WM-7020", "--to", str(rule), "--data-dir", str(data_dir)]
    assert run(call) == 0
    assert capsys.readouterr().out == (
        f"look at {rule}, then try it: vaxel failed repair {rule} --dry-run --data-dir {data_dir}\n"
    )


@pytest.mark.parametrize("more", [[], ["--dry-run"]])
def test_a_rule_that_selects_nothing_is_told_and_leaves_nothing_behind(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], more: list[str]
) -> None:
    rule = tmp_path / "rule.toml"
    assert run(["failed", "propose", "--model", "WM-7020", "--to", str(rule)]) == 0
    capsys.readouterr()
    assert run(["failed", "repair", str(rule), "--data-dir", str(tmp_path), *more]) == 1
    said = capsys.readouterr().err
    assert said == f"vaxel: no failed event matches [select] of '{rule}', so there is nothing to repair\n"
    assert not (tmp_path / REPAIRS_FOLDER).exists()


def test_a_rule_that_cannot_be_read_is_told_without_python_s_words(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["failed", "repair", "nowhere.toml"]) == 2
    assert capsys.readouterr().err == "vaxel: cannot read the rule in 'nowhere.toml': No such file or directory\n"
