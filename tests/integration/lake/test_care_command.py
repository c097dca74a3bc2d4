"""`vaxel lake maintain` and `vaxel lake status` as an operator calls them."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path

import pytest

from schemas.retention import DAY_MS
from sinks.lake import lag
from sinks.lake.connection import open_writer
from sinks.lake.extent import holding
from sinks.lake.transactions import closed
from tests.integration.lake.conftest import ROWS_IN_A_FRAME, FreshDatabase, Lake
from vaxel.__main__ import run

pytestmark = [pytest.mark.kafka, pytest.mark.postgres]


@pytest.fixture
def addressed(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> Lake:
    monkeypatch.setenv("VAXEL_KAFKA", lake.kafka)
    monkeypatch.setenv("VAXEL_LAKE_CATALOG", lake.catalog)
    monkeypatch.setenv("VAXEL_LAKE_FILES", lake.files)
    monkeypatch.setenv("VAXEL_RECORDS", lake.catalog)
    # Other tests leave records in the listed topics, which the command would ask for.
    monkeypatch.setattr(lag, "lag", partial(lag.lag, inputs=lake.inputs))
    for number in range(2):
        lake.produce(range(number, number + 1))
        lake.sink(ROWS_IN_A_FRAME)
    return lake


def test_maintain_shows_each_step_and_what_it_saved(addressed: Lake, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["lake", "maintain", "--dry-run"]) == 0
    foreseen = capsys.readouterr().out.splitlines()
    assert "dry run: nothing was changed" in foreseen
    assert run(["lake", "maintain"]) == 0
    done = capsys.readouterr().out.splitlines()
    assert max(len(line) for line in done) < 120
    assert [line.split(":")[0] for line in done if line[0].isdigit()] == [
        "1 flush", "2 retention", "3 roll-up", "4 rewrite", "5 merge", "6 expire", "7 clean-up", "8 orphans",
    ]  # fmt: skip
    assert "2 retention: nothing to do" in done
    assert [line for line in done if line.startswith("    readings_washer: 2 files, ") and "-> 1 file, " in line]
    # Each file that nobody reads any more is told, with the rule by which it stays, and until when.
    assert [line for line in done if line.startswith("not removed yet: ") and "files in their grace period" in line]
    assert "    time travel reaches 7d back (--snapshots-for); after it a file stays 1d more (--grace)" in done
    assert done[-1].startswith("    next: a run lets go of files from ")
    assert run(["lake", "maintain", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert [step["number"] for step in told["steps"]] == list(range(1, 9))
    assert told["after"]["tables"]["readings_washer"]["files"] == 1
    assert (told["snapshots_for_ms"], told["grace_ms"]) == (7 * DAY_MS, DAY_MS)
    assert told["next"]["remove_ms"] < told["next"]["expire_ms"]  # time travel reads the merged file


def test_rules_of_a_file_hold_and_options_win(
    addressed: Lake, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rules = tmp_path / "rules.toml"
    rules.write_text('snapshots_for = "12h"\nroll_up_after_days = 20000\n[keep]\nusage = "50y"\n')
    call = ["lake", "maintain", "--rules", str(rules), "--json"]
    assert run(call) == 0
    assert not json.loads(capsys.readouterr().out)["steps"][1]["changes"]
    assert run([*call, "--keep", "readings_washer.usage=1h"]) == 0
    assert json.loads(capsys.readouterr().out)["steps"][1]["changes"] == [
        {"table": "readings_washer", "what": "usage: rows gone", "count": 2 * ROWS_IN_A_FRAME}
    ]


def test_status_says_what_the_lake_holds(addressed: Lake, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["lake", "status", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["tables"]["readings_washer"]["rows"] == 2 * ROWS_IN_A_FRAME
    assert told["snapshots"]["count"] == len(holding(addressed.catalog).snapshots)
    assert run(["lake", "status"]) == 0
    shown = capsys.readouterr().out
    assert "readings_washer" in shown
    assert "snapshots: " in shown
    assert "maintain: not due\n" in shown
    assert told["maintain"]["due"] is False
    assert told["maintain"]["reasons"] == []
    assert (told["partitions_behind"], told["partitions_behind_unknown"]) == (0, None)
    assert told["tables"]["readings_washer"]["small_files"] == 1


def test_status_says_why_the_lag_is_not_known(
    addressed: Lake, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("VAXEL_KAFKA", "127.0.0.1:1")
    assert run(["lake", "status", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["partitions_behind"] is None
    assert told["partitions_behind_unknown"].startswith("Kafka at '127.0.0.1:1' does not answer")


def test_status_says_why_maintain_is_due_until_it_ran(addressed: Lake, capsys: pytest.CaptureFixture[str]) -> None:
    with closed(open_writer(addressed.catalog, addressed.files)) as lake:
        lake.execute("DELETE FROM readings_washer WHERE seq IN (1, 2)")
    why = "2 deleted rows still in files of 1 table"
    assert run(["lake", "status"]) == 0
    assert f"maintain: due: {why}\n" in capsys.readouterr().out
    assert run(["lake", "status", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["maintain"]["reasons"] == [why]
    assert run(["lake", "maintain"]) == 0
    assert run(["lake", "status"]) == 0
    assert "maintain: not due\n" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--keep", "health"], "Cannot read --keep 'health'"),
        (["--keep", "health=soon"], "Cannot read the duration 'soon'"),
        (["--keep", "healht=1d"], "Unknown data class 'healht'"),
        (["--snapshots-for", "0h"], "snapshots_for is '0h': at least 1h"),
        (["--rules", "/nowhere.toml"], "Cannot read the rules in '/nowhere.toml': No such file or directory.\n"),
        (["--rules", "/"], "Cannot read the rules in '/': Is a directory.\n"),
        (["--keep", "usage=0d"], "'0d' keeps nothing"),
    ],
)
def test_wrong_rules_are_one_line_and_exit_code_2(
    arguments: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["lake", "maintain", *arguments]) == 2
    shown = capsys.readouterr().err
    assert told in shown
    assert shown.count("\n") == 1


def test_without_a_lake_status_says_how_to_make_one(
    lake: Lake, fresh_database: FreshDatabase, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, value in (("KAFKA", lake.kafka), ("LAKE_CATALOG", fresh_database()), ("LAKE_FILES", lake.files)):
        monkeypatch.setenv(f"VAXEL_{name}", value)
    monkeypatch.setenv("VAXEL_RECORDS", lake.catalog)
    for command in (["lake", "status"], ["lake", "maintain"], ["lake", "maintain", "--dry-run"]):
        assert run(command) == 3
        assert "holds no lake yet" in capsys.readouterr().err
