"""What `vaxel status --json` tells of a running stack."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from deploy import stack
from deploy.stack import Stack
from vaxel.__main__ import run

PASSWORD = "S3cret_of-its-own"
RUNNING = Stack(
    kafka="127.0.0.1:9092",
    catalog=f"postgresql://postgres:{PASSWORD}@127.0.0.1:5432/lake_catalog",
    lake_files="/data/lake",
    records=f"postgresql://postgres:{PASSWORD}@127.0.0.1:5432/records",
    kafka_port=9092,
    postgres_port=5432,
    keeper_pid=1,
    kafka_pid=2,
    postgres_pid=3,
    parent_pid=None,
)


@pytest.mark.parametrize("command", ["status", "up"])
def test_passwords_are_not_printed(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(stack, "find", lambda _: RUNNING)
    monkeypatch.setattr(stack, "up", lambda *_, **__: RUNNING)
    assert run([command, "--json", "--data-dir", str(tmp_path)]) == 0
    said = capsys.readouterr().out
    assert PASSWORD not in said
    told = json.loads(said)
    assert told["records"] == "postgresql://postgres@127.0.0.1:5432/records"
    assert told["catalog"] == "postgresql://postgres@127.0.0.1:5432/lake_catalog"
    assert (told["running"], told["kafka"], told["keeper_pid"]) == (True, "127.0.0.1:9092", 1)
