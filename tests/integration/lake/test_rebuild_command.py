"""`vaxel lake rebuild` as it is called."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from confluent_kafka import Producer

from deploy import stack
from schemas.lake import INPUTS
from schemas.topics import SESSIONS_WASHER
from sinks.lake.connection import exists, open_writer
from tests.integration.lake.conftest import Lake, a_cycle, wait_for
from tests.integration.lake.rebuilding import (
    CYCLES,
    assert_same,
    page,
    rows_of,
)
from tests.integration.lake.test_check import files_of
from tests.integration.lake.test_faults import running
from tests.integration.lake.test_sql_command import variables
from vaxel.__main__ import run

pytestmark = [pytest.mark.kafka, pytest.mark.postgres]


@pytest.fixture
def listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Lake]:
    """A stack of its own, for the command reads the listed topics, with a lake that holds a file of wash cycles."""
    servers = stack.up(tmp_path / "stack", bound=True)
    try:
        producer = Producer({"bootstrap.servers": servers.kafka})
        producer.produce(SESSIONS_WASHER, a_cycle("w-9:1", 1))
        producer.flush()
        lake = Lake(servers.kafka, servers.catalog, servers.lake_files, INPUTS)
        with running(lake):
            wait_for(lambda: exists(lake.catalog) and lake.lag() == 0)
        with open_writer(lake.catalog, lake.files) as writer:
            writer.execute("CALL ducklake_flush_inlined_data('lake', table_name => 'wash_cycle_versions')")
        for name, value in variables(lake).items():
            monkeypatch.setenv(name, value)
        yield lake
    finally:
        stack.down(tmp_path / "stack")


def test_the_command_restores_what_check_names(listed: Lake, capsys: pytest.CaptureFixture[str]) -> None:
    before = rows_of(listed)
    assert run(["lake", "check"]) == 0
    assert run(["lake", "rebuild"]) == 0
    assert "No file is damaged, nothing was done" in capsys.readouterr().out
    (file,) = files_of(listed, CYCLES)
    page(Path(file.path))
    assert run(["lake", "check"]) == 1
    assert f"vaxel lake rebuild --table {CYCLES}" in capsys.readouterr().out
    assert run(["lake", "rebuild", "--table", CYCLES, "--dry-run", "--json"]) == 0
    (told,) = json.loads(capsys.readouterr().out)["tables"]
    assert (told["table"], told["removed"], told["files"]) == (CYCLES, None, [file.path])
    assert run(["lake", "rebuild", "--table", CYCLES]) == 0
    rows = f"{before[CYCLES].num_rows:,}"
    assert f"{CYCLES}: {rows} rows out, {rows} in" in capsys.readouterr().out
    assert run(["lake", "check"]) == 0
    assert_same(rows_of(listed), before)
    assert run(["lake", "rebuild", "--from-kafka"]) == 0
    out = capsys.readouterr().out
    assert f"{CYCLES}: {rows} rows out, {rows} in" in out
    assert "device_versions: stays" in out
    assert "with the same --keep or --rules: vaxel lake maintain" in out
    assert_same(rows_of(listed), before)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--from-kafka", "--from-snapshot", "1"], "give one of"),
        (["--table", "sink_position"], "no topic feeds table 'sink_position'"),
        (["--table", "nothing"], "those that Kafka can give back are uploads"),
    ],
)
def test_wrong_use_is_one_line_and_exit_code_2(
    capsys: pytest.CaptureFixture[str], arguments: list[str], says: str
) -> None:
    assert run(["lake", "rebuild", *arguments]) == 2
    told = capsys.readouterr().err
    assert says in told
    assert told.count("\n") == 1
