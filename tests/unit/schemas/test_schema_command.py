"""`vaxel schema` as somebody types it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from schemas.published import CURRENT, asyncapi_document, published_contracts, release_text
from vaxel.__main__ import run


@pytest.fixture
def changed(tmp_path: Path) -> Path:
    """A release file that lacks an addition, and knows a field that is gone."""
    kept: dict[str, Any] = json.loads(release_text("0.0.9"))
    fields = kept["contracts"]["WasherUpload"]
    del fields["alert"]
    fields["voltage_v"] = {"kind": "float", "unit": "V", "data_class": "usage", "meaning": "Voltage"}
    path = tmp_path / "older.json"
    path.write_text(json.dumps(kept), encoding="utf-8")
    return path


def said(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str]:
    code = run(["schema", *arguments])
    shown = capsys.readouterr()
    return code, shown.out + shown.err


def test_list_names_every_contract_with_its_topic_and_the_releases(capsys: pytest.CaptureFixture[str]) -> None:
    code, shown = said(capsys, "list")
    assert code == 0
    assert all(name in shown for name in published_contracts())
    assert "telemetry.washer.v1" in shown
    assert "releases kept: 0.1.0" in shown
    listed = json.loads(said(capsys, "list", "--json")[1])
    assert [row["contract"] for row in listed["contracts"]] == list(published_contracts())


def test_show_tells_unit_range_class_and_meaning_of_each_field(capsys: pytest.CaptureFixture[str]) -> None:
    code, shown = said(capsys, "show", "washeruploadv2")
    assert code == 0
    assert "  power_w [W]: list of float, 0 to 10000 (usage). Power over time\n" in shown
    assert "  seq [1]: int, 0 to 9007199254740991 (technical)." in shown
    assert "  alert: str or null, may be left out, one of door_open drain_slow unbalance power_cut (usage)." in shown
    assert "  version [1]: int, 1 or more (" in said(capsys, "show", "WashCycle")[1]
    assert json.loads(said(capsys, "show", "Run", "--json")[1])["title"] == "Run"


def test_show_of_a_topic_tells_every_version_that_it_holds(capsys: pytest.CaptureFixture[str]) -> None:
    code, shown = said(capsys, "show", "telemetry.washer.v1")
    assert code == 0
    parts = shown.split("\n\n")
    assert [part.partition(":")[0] for part in parts] == ["WasherUpload", "WasherUploadV2"]
    assert parts[1] == said(capsys, "show", "WasherUploadV2")[1]
    documents = json.loads(said(capsys, "show", "telemetry.washer.v1", "--json")[1])
    assert [document["title"] for document in documents] == ["WasherUpload", "WasherUploadV2"]


def test_asyncapi_is_the_document(capsys: pytest.CaptureFixture[str]) -> None:
    assert json.loads(said(capsys, "asyncapi")[1]) == asyncapi_document()


def test_diff_says_compatible_or_not_and_why(capsys: pytest.CaptureFixture[str], changed: Path) -> None:
    code, shown = said(capsys, "diff", str(changed))
    assert code == 1
    assert "WasherUpload.voltage_v: field is gone" in shown.splitlines()[0]
    assert "WasherUpload.alert: field is new and may be left out (fine)" in shown
    assert shown.splitlines()[-1].endswith("full: not compatible: 1 of 2 differences break it")
    report = json.loads(said(capsys, "diff", str(changed), CURRENT, "--json")[1])
    assert (report["compatible"], len(report["changes"])) == (False, 2)
    assert said(capsys, "diff", CURRENT, CURRENT) == (0, "current and current, full: compatible, no difference\n")


def test_diff_in_one_direction_minds_that_one_only(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    kept = json.loads(release_text("0.0.9"))
    kept["contracts"]["Run"]["steps"]["maximum"] = 10
    narrow = tmp_path / "narrow.json"
    narrow.write_text(json.dumps(kept), encoding="utf-8")
    assert [said(capsys, "diff", str(narrow), "--mode", mode)[0] for mode in ("backward", "forward", "full")] == [
        0,
        1,
        1,
    ]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["show", "Toaster"], "there is no contract and no topic 'Toaster'; accepted are topics and WasherUpload, "),
        (["diff", "9.9.9"], "'9.9.9' is no release and no file that can be read"),
    ],
)
def test_wrong_use_is_one_line(capsys: pytest.CaptureFixture[str], arguments: list[str], told: str) -> None:
    code, shown = said(capsys, *arguments)
    assert (code, shown.count("\n")) == (2, 1)
    assert told in shown


@pytest.mark.parametrize("content", ["{", "[]", '{"release": 1}'])
def test_a_file_that_is_no_release_is_one_line(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, content: str
) -> None:
    path = tmp_path / "odd.json"
    path.write_text(content, encoding="utf-8")
    code, shown = said(capsys, "diff", str(path))
    assert (code, shown.count("\n")) == (2, 1)
