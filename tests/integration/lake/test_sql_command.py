"""`vaxel sql` and `vaxel sink lake` as a user types them."""

from __future__ import annotations

import csv
import io
import json
import os
import signal
import subprocess
import sys
from datetime import date, timedelta
from pathlib import Path

import psycopg
import pytest
from confluent_kafka import Producer

from sinks.lake.connection import open_writer
from sinks.lake.snapshots import snapshots
from tests.integration.lake.conftest import ROOT, Lake, a_cycle
from vaxel.__main__ import run

pytestmark = [pytest.mark.kafka, pytest.mark.postgres]


@pytest.fixture
def asked(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> Lake:
    """A lake with two wash cycles, that the command finds."""
    producer = Producer({"bootstrap.servers": lake.kafka})
    for session_id in ("w-1:1", "w-1:2"):
        producer.produce(lake.topic("wash_cycle_versions"), a_cycle(session_id, 90))
    producer.flush()
    lake.sink(2)
    for name, value in variables(lake).items():
        monkeypatch.setenv(name, value)
    return lake


def variables(lake: Lake) -> dict[str, str]:
    return {
        "VAXEL_KAFKA": lake.kafka,
        "VAXEL_LAKE_CATALOG": lake.catalog,
        "VAXEL_LAKE_FILES": lake.files,
        "VAXEL_RECORDS": lake.catalog,
    }


QUERY = "select session_id, started_at, duration_min, water_l, 1.10::decimal(9, 2) as euro from wash_cycles order by 1"


def test_each_format_says_the_same(
    asked: Lake, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert run(["sql", "--format", "json", QUERY]) == 0
    first = {"session_id": "w-1:1", "started_at": "2026-01-01T00:00:00Z", "duration_min": 90.0, "water_l": None}
    assert json.loads(capsys.readouterr().out) == [
        {**first, "euro": 1.1},
        {**first, "session_id": "w-1:2", "euro": 1.1},
    ]

    (tmp_path / "question.sql").write_text(QUERY)
    assert run(["sql", "--format", "csv", "--file", str(tmp_path / "question.sql")]) == 0
    rows = list(csv.reader(io.StringIO(capsys.readouterr().out)))
    assert rows[0] == ["session_id", "started_at", "duration_min", "water_l", "euro"]
    assert rows[1] == ["w-1:1", "2026-01-01T00:00:00Z", "90.0", "", "1.10"]

    monkeypatch.setattr("sys.stdin", io.StringIO(QUERY))
    assert run(["sql", "--file", "-", "--rows", "1"]) == 0
    out = capsys.readouterr().out
    assert "w-1:1       2026-01-01 00:00:00          90.0  null     1.10" in out
    assert "(1 row shown, 1 left out; times are UTC)" in out

    assert run(["sql", ".tables"]) == 0
    assert "wash_cycles" in capsys.readouterr().out


def test_a_table_or_view_is_described_for_people_and_for_programs(
    asked: Lake, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["sql", "--describe", "runs"]) == 0
    out = capsys.readouterr().out
    lines = [" ".join(line.split()) for line in out.splitlines()]
    assert "duration_s DOUBLE s usage From its begin to its end" in lines
    assert "max_heart_rate_bpm DOUBLE 1/min health ! Highest heart rate of a reading" in lines
    assert "data are for those who have a reason to read them" in out

    for query in (".columns usage", ".describe usage", ".columns usage;"):
        assert run(["sql", "--format", "json", query]) == 0
        told = {row["name"]: row for row in json.loads(capsys.readouterr().out)}
        assert list(told["energy_wh"].values()) == ["energy_wh", "DOUBLE", "Wh", "usage", "Energy drawn; washers only"]
        assert told["subject"]["class"] == "personal"

    assert run(["sql", "--describe", "--format", "csv"]) == 0
    rows = list(csv.reader(io.StringIO(capsys.readouterr().out)))
    assert rows[0] == ["name", "kind", "meaning"]
    assert ["uploads", "table", "What became of each upload that the contract let in, duplicates too"] in rows
    assert [row for row in rows if row[:2] == ["sessions_current", "view"]]

    assert run(["sql", ".columns"]) == 0
    assert f"({sum(1 for _ in asked.ask('from duckdb_columns() where database_name = $$lake$$')):,} rows)" in (
        capsys.readouterr().out
    )


def test_what_was_known_then_is_answered_and_a_correction_is_not(
    asked: Lake, capsys: pytest.CaptureFixture[str]
) -> None:
    first = snapshots(asked.catalog)
    producer = Producer({"bootstrap.servers": asked.kafka})
    producer.produce(asked.topic("wash_cycle_versions"), a_cycle("w-1:1", 120, "corrected"))
    producer.flush()
    asked.sink(1)
    move_apart(asked)
    query = "select status, duration_min from wash_cycles where session_id = 'w-1:1'"
    answers = []
    for how in (
        [],
        ["--as-of", hour(first[-1].number, "10:30")],
        ["--as-of", hour(first[-1].number, "12:30", "+02:00")],
    ):
        assert run(["sql", "--format", "csv", query, *how]) == 0
        answers.append(capsys.readouterr())
    assert [told.out.splitlines()[1] for told in answers] == ["corrected,120.0", "closed,90.0", "closed,90.0"]
    assert answers[1].err == f"as of snapshot {first[-1].number} of {hour(first[-1].number, '10:00:00')} UTC\n"

    with open_writer(asked.catalog, asked.files) as connection:
        connection.execute("CREATE TABLE later AS SELECT 1 AS x")
    assert run(["sql", "from later"]) == 0
    capsys.readouterr()
    assert run(["sql", "from later", "--as-of", hour(first[-1].number, "10:30")]) == 2
    assert "Table with name later does not exist" in capsys.readouterr().err


def move_apart(lake: Lake) -> None:
    """Each snapshot of the lake at ten o'clock of a day of its own: number n of 1 January 2020 and n days."""
    with psycopg.connect(lake.catalog) as connection:
        connection.execute(
            "UPDATE ducklake_snapshot SET snapshot_time = timestamptz '2020-01-01 10:00Z' + snapshot_id * interval '1d'"
        )


def hour(number: int, clock: str, offset: str = "") -> str:
    return f"{date(2020, 1, 1) + timedelta(days=number)} {clock}{offset}"


def test_an_instant_without_an_answer_is_one_line(asked: Lake, capsys: pytest.CaptureFixture[str]) -> None:
    move_apart(asked)
    assert run(["sql", "select 1", "--as-of", "2019-05-03"]) == 3
    assert "the oldest snapshot is 0 of 2020-01-01 10:00:00 UTC, the lake is not older" in capsys.readouterr().err
    with open_writer(asked.catalog, asked.files) as connection:
        connection.execute("CALL ducklake_expire_snapshots('lake', versions => [0, 1, 2])")
    assert run(["sql", "select 1", "--as-of", "2020-01-02 11:00"]) == 3
    assert "the oldest snapshot is 3 of 2020-01-04 10:00:00 UTC, those before have expired" in capsys.readouterr().err
    assert run(["sql", "select 1", "--as-of", "last week"]) == 2
    told = capsys.readouterr()
    assert "'last week' is no instant; accepted are 2026-05-03 14:03 (UTC)" in told.err
    assert told.err.count("\n") == 1


@pytest.mark.parametrize(
    ("query", "says"),
    [
        (".columns usagee", "no table and no view 'usagee'; near are usage"),
        (".colums", "there is no '.colums'; accepted are .tables"),
        ("selec 1", 'syntax error at or near "selec"'),
        ("select nothing from wash_cycles", 'column "nothing" not found'),
        ("select corrupt from wash_cycles", 'column "corrupt" not found'),
        ("select * from 'no-such-file.csv'", "No files found"),
        ("delete from uploads", "read-only"),
        (";", "no SQL given"),
    ],
)
def test_wrong_sql_is_one_line_and_exit_code_2(
    asked: Lake, capsys: pytest.CaptureFixture[str], query: str, says: str
) -> None:
    assert run(["sql", query]) == 2
    told = capsys.readouterr()
    assert says in told.err
    assert told.out == ""
    assert told.err.count("\n") == 1


def test_no_lake_is_one_line_and_exit_code_3(
    asked: Lake, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VAXEL_LAKE_CATALOG", asked.catalog.rsplit("/", 1)[0] + "/postgres")
    assert run(["sql", "select 1"]) == 3
    assert "holds no lake yet" in capsys.readouterr().err
    monkeypatch.setenv("VAXEL_LAKE_CATALOG", "postgresql://u:geheim@127.0.0.1:1/lake")
    assert run(["sql", "select 1"]) == 3
    err = capsys.readouterr().err
    assert "does not answer" in err
    assert "geheim" not in err


def test_a_reader_that_has_had_enough_is_no_error(asked: Lake) -> None:
    command = [sys.executable, "-m", "vaxel", "sql", "--format", "csv", "select * from range(1000000)"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline() == b"range\n"
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(30) == 0


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_the_sink_command_stops_when_told_with_exit_code_0(lake: Lake, how: signal.Signals, local_topics: None) -> None:
    command = [sys.executable, "-m", "vaxel", "sink", "lake", "--json"]
    environment = {**os.environ, **variables(lake)}
    with subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert set(json.loads(process.stdout.readline())) == {"rows", "took_s", "caught_up"}
        process.send_signal(how)
        assert process.wait(30) == 0


@pytest.fixture
def local_topics(kafka_bootstrap: str) -> None:
    """All listed topics, and a record in one of them for the sink to report."""
    from deploy.topics import ensure_topics
    from schemas.topics import SESSIONS_WASHER, TOPICS

    ensure_topics(kafka_bootstrap, TOPICS, 4)
    producer = Producer({"bootstrap.servers": kafka_bootstrap})
    producer.produce(SESSIONS_WASHER, a_cycle("w-9:1", 1))
    producer.flush()
