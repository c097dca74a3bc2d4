"""A lake whose files lie on a real S3 server, its catalogue in PostgreSQL: everything as on a disk."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import duckdb
import pytest
from pyarrow import parquet
from pyarrow.fs import S3FileSystem

from schemas.errors import OutsideError, UnreachableError, UsageError
from sinks.lake.connection import open_reader, open_writer, outside
from sinks.lake.crash_points import POINTS, VARIABLE
from sinks.lake.sink import Settings
from tests.certificate import certificate_files
from tests.integration.lake.conftest import ROWS_IN_A_FRAME, Lake, wait_for
from tests.integration.lake.test_faults import COUNTS, exactly, running, stopped
from tests.integration.lake.test_sql_command import variables
from tests.s3 import BUCKET, KEY_ID, SECRET, S3Server, a_server
from vaxel.__main__ import run

pytestmark = [pytest.mark.kafka, pytest.mark.postgres]

FRAMES = 5


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    started = a_server(tmp_path_factory.mktemp("s3"))
    yield started
    started.kill()


@pytest.fixture
def remote(lake: Lake, server: S3Server, monkeypatch: pytest.MonkeyPatch) -> Lake:
    """A lake with its files in the bucket, for this process and those it starts."""
    known_by(monkeypatch, server.environment)
    return replace(lake, files=f"s3://{BUCKET}/it-{uuid4().hex}")


@pytest.fixture
def certificate(tmp_path: Path) -> tuple[Path, Path]:
    return certificate_files(tmp_path)


def known_by(monkeypatch: pytest.MonkeyPatch, environment: dict[str, str]) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)


def objects(server: S3Server, lake: Lake) -> set[str]:
    """Names of the objects behind the lake's files."""
    folder = server.folder / "objects" / lake.files.removeprefix("s3://")
    return {path.name for path in folder.rglob("*.parquet")}


@pytest.mark.parametrize("point", POINTS)
def test_killed_between_two_steps_over_s3_every_row_is_stored_once(remote: Lake, server: S3Server, point: str) -> None:
    remote.produce(range(FRAMES))
    assert remote.start(**{VARIABLE: point}).wait(60) == -signal.SIGKILL
    again = remote.start()
    wait_for(lambda: remote.lag() == 0)
    assert stopped(again) == 0
    assert remote.ask(COUNTS) == exactly(FRAMES * ROWS_IN_A_FRAME)
    listed = {name.rsplit("/", 1)[1] for (name,) in remote.ask(
        "SELECT data_file FROM ducklake_list_files('lake', 'readings_washer')")}  # fmt: skip
    # What the killed one uploaded and did not commit is found by listing the bucket, and nothing else is.
    orphans = objects(server, remote) - listed
    assert bool(orphans) == (point in ("lake.after-insert", "lake.after-move"))
    with open_writer(remote.catalog, remote.files) as writer:
        found = writer.execute("CALL ducklake_delete_orphaned_files('lake', cleanup_all => true)").fetchall()
    assert {name.rsplit("/", 1)[1] for (name,) in found} == orphans
    assert objects(server, remote) == listed
    assert remote.ask(COUNTS) == exactly(FRAMES * ROWS_IN_A_FRAME)


def test_a_server_that_goes_away_in_the_middle_delays_and_loses_nothing(
    lake: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []
    server = a_server(tmp_path / "s3")
    try:
        known_by(monkeypatch, server.environment)
        remote = replace(lake, files=f"s3://{BUCKET}/files")
        remote.produce(range(FRAMES))
        with running(remote, tell=told.append) as errors:
            wait_for(lambda: remote.lag() == 0)
            server.kill()
            remote.produce(range(FRAMES, 2 * FRAMES))
            wait_for(lambda: bool(told or errors))
            server.start()
            wait_for(lambda: bool(errors) or remote.lag() == 0)
        assert not errors
        assert remote.ask(COUNTS) == exactly(2 * FRAMES * ROWS_IN_A_FRAME)
    finally:
        server.kill()
    assert all(line.startswith("Cannot store rows in the lake: ") and "\n" not in line for line in told)
    with pytest.raises(UnreachableError, match="Cannot ask the lake"):
        asked(remote, COUNTS)


def asked(lake: Lake, query: str) -> list[tuple[object, ...]]:
    with outside("ask the lake"):
        return lake.ask(query)


@pytest.mark.parametrize(
    ("variable", "value", "says"),
    [
        ("AWS_SECRET_ACCESS_KEY", "falsch", "SignatureDoesNotMatch"),
        ("AWS_ACCESS_KEY_ID", "nobody", "No user exists"),
    ],
)
def test_a_wrong_key_stops_the_sink_at_once_with_one_line(
    remote: Lake, monkeypatch: pytest.MonkeyPatch, variable: str, value: str, says: str
) -> None:
    monkeypatch.setenv(variable, value)
    told: list[str] = []
    remote.produce(range(1))
    with pytest.raises(OutsideError, match=says) as raised:
        remote.sink(1, tell=told.append)
    assert not isinstance(raised.value, UnreachableError)
    assert told == []
    assert "\n" not in str(raised.value)
    assert SECRET not in str(raised.value)
    assert "falsch" not in str(raised.value)


def test_a_bucket_that_is_not_there_is_named(remote: Lake) -> None:
    remote.produce(range(1))
    with pytest.raises(OutsideError, match="NoSuchBucket") as raised:
        replace(remote, files="s3://no-such-bucket/files").sink(1)
    assert not isinstance(raised.value, UnreachableError)


def test_settings_that_lack_are_told_before_anything_is_opened(remote: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "")
    with pytest.raises(UsageError, match="AWS_ACCESS_KEY_ID is not set; AWS_SECRET_ACCESS_KEY is not set"):
        remote.sink(1)


def test_nobody_who_asks_the_lake_sees_the_secret(remote: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    remote.sink(0)
    monkeypatch.setenv("AWS_SESSION_TOKEN", "marke-0816")
    with open_reader(remote.catalog, remote.files) as reader:
        for query in ("FROM duckdb_secrets()", "FROM duckdb_settings()", "FROM duckdb_databases()", "FROM duckdb_logs"):
            shown = str(reader.execute(query).fetchall())
            assert SECRET not in shown
            assert "marke-0816" not in shown
        assert KEY_ID in str(reader.execute("FROM duckdb_secrets()").fetchall())
        with pytest.raises(duckdb.Error) as raised:
            reader.execute("FROM duckdb_secrets(redact => false)")
        assert SECRET not in str(raised.value)


def test_a_certificate_is_looked_at(
    lake: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, certificate: tuple[Path, Path]
) -> None:
    server = a_server(tmp_path / "s3", certificate)
    try:
        known_by(monkeypatch, server.environment)
        remote = replace(lake, files=f"s3://{BUCKET}/files")
        remote.produce(range(1))
        assert remote.sink(1) == ROWS_IN_A_FRAME
        assert remote.ask(COUNTS) == exactly(ROWS_IN_A_FRAME)
        monkeypatch.delenv("AWS_CA_BUNDLE")
        with pytest.raises(UnreachableError, match=r"SSL|certificate"):
            asked(remote, "SELECT sum(power_w) FROM readings_washer")
    finally:
        server.kill()


def test_the_commands_need_nothing_but_the_settings(
    remote: Lake, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    remote.produce(range(2))
    remote.sink(2 * ROWS_IN_A_FRAME)
    for name, value in variables(replace(remote, files=remote.files + "/")).items():
        monkeypatch.setenv(name, value)
    assert run(["sql", "--format", "json", "select count(*) as n from readings_washer"]) == 0
    assert json.loads(capsys.readouterr().out) == [{"n": 2 * ROWS_IN_A_FRAME}]
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "falsch")
    assert run(["sql", "select sum(power_w) from readings_washer"]) == 3
    told = capsys.readouterr().err
    assert "a file of the lake cannot be read" in told
    assert "falsch" not in told
    assert told.count("\n") == 1
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    assert run(["sql", "select 1"]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_care_for_the_tables_works_over_s3(remote: Lake, server: S3Server) -> None:
    remote.produce(range(4))
    for _ in range(2):
        remote.sink(ROWS_IN_A_FRAME, settings=Settings(max_rows=ROWS_IN_A_FRAME, max_age_s=0.2))
    wait_for(lambda: remote.sink(0) == 0)
    before = objects(server, remote)
    with open_writer(remote.catalog, remote.files) as writer:
        writer.execute("CALL ducklake_flush_inlined_data('lake')")
        writer.execute("CALL ducklake_merge_adjacent_files('lake')")
        writer.execute("CALL ducklake_rewrite_data_files('lake')")
        writer.execute("CALL ducklake_expire_snapshots('lake', older_than => now())")
        writer.execute("CALL ducklake_cleanup_old_files('lake', cleanup_all => true)")
    assert not before & objects(server, remote)
    assert remote.ask(COUNTS) == exactly(4 * ROWS_IN_A_FRAME)


def test_maintenance_needs_nothing_but_the_settings_and_arrow_reads_what_is_listed(
    remote: Lake, server: S3Server, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in variables(remote).items():
        monkeypatch.setenv(name, value)
    for number in range(2):
        remote.produce(range(number, number + 1))
        remote.sink(ROWS_IN_A_FRAME)
    assert run(["lake", "maintain", "--json"]) == 0
    assert run(["lake", "status", "--json"]) == 0
    capsys.readouterr()
    assert run(["lake", "files", "readings_washer"]) == 0
    (path,) = capsys.readouterr().out.splitlines()
    bucket = S3FileSystem(
        access_key=KEY_ID, secret_key=SECRET, scheme="http", endpoint_override=f"127.0.0.1:{server.port}"
    )
    read = parquet.read_table(path.removeprefix("s3://"), filesystem=bucket, columns=["seq"])
    assert sorted(read["seq"].to_pylist()) == list(range(2 * ROWS_IN_A_FRAME))
