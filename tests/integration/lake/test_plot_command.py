"""`vaxel plot` as a user types it, of a real lake."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from confluent_kafka import Producer

from tests.integration.lake.conftest import Lake, a_cycle
from tests.integration.lake.test_sql_command import variables
from vaxel.__main__ import run

pytestmark = [pytest.mark.kafka, pytest.mark.postgres]


def test_a_picture_of_a_real_lake_now_and_as_of_then(
    lake: Lake, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    for name, value in variables(lake).items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)
    lake.sink(0)
    assert run(["plot", "session"]) == 1
    assert capsys.readouterr().err == "vaxel: nothing to draw: the lake has no readings of a session\n"
    assert list(tmp_path.glob("*.png")) == []
    before = datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S")  # noqa: TID251  (of the catalogue's own clock)

    lake.produce(range(1, 2))
    producer = Producer({"bootstrap.servers": lake.kafka})
    producer.produce(lake.topic("wash_cycle_versions"), a_cycle("w-1:1", 90))
    producer.flush()
    lake.sink(301)

    assert run(["plot", "session"]) == 0
    told = capsys.readouterr().out
    assert told.startswith("session.png: A wash cycle (eco): 512 Wh. w-1:1 · WM-1, firmware 1.2.3 · began 1 Jan 2026")
    assert told.endswith("as known now\n")
    assert (tmp_path / "session.png").read_bytes().startswith(b"\x89PNG")

    assert run(["plot", "session", "--session", "w-1:1", "--out", "one.html"]) == 0
    page = (tmp_path / "one.html").read_text()
    assert "<svg" in page
    assert "--session w-1:1" in page
    capsys.readouterr()

    assert run(["plot", "session", "--json"]) == 0
    (power,) = json.loads(capsys.readouterr().out)["panels"]
    assert power["columns"] == ["line", "minutes since the start", "W"]
    assert power["rows"] == [["power", 0.0, 7.5]] * 300

    assert run(["plot", "session", "--as-of", before]) in (1, 3)  # nothing was known, or no lake was there yet
    assert run(["plot", "session", "--device", "w-2"]) == 1
    assert "the lake has no readings of a session that fits" in capsys.readouterr().err
