"""The life of a local stack, on one data directory: each test begins with `up` and may leave it up or down."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil  # type: ignore[import-untyped]
import psycopg
import pytest

from deploy import ports, stack
from deploy.layout import is_locked, layout_of
from deploy.postgres import major_version
from deploy.stack import Stack
from deploy.topics import ensure_topics, partition_counts
from schemas.errors import OutsideError, UsageError
from schemas.topics import TELEMETRY, TOPICS
from vaxel.__main__ import run
from vaxel.settings import addresses

pytestmark = [pytest.mark.kafka, pytest.mark.postgres]

GONE_WITHIN_S = 30.0


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    path = tmp_path_factory.mktemp("life") / "jürgen år 50% [a*]?" / ".vaxel"
    yield path
    stack.down(path)


def wait_until(is_so: Callable[[], bool]) -> None:
    deadline_s = time.monotonic() + GONE_WITHIN_S
    while not is_so():
        assert time.monotonic() < deadline_s, "not so in time"
        time.sleep(0.02)


def processes_of(running: Stack) -> list[psutil.Process]:
    keeper = psutil.Process(running.keeper_pid)
    return [keeper, *keeper.children(recursive=True)]


def wait_until_gone(processes: list[psutil.Process]) -> None:
    """Gone, or a zombie that only waits for its exit code to be read."""
    wait_until(
        lambda: all(not process.is_running() or process.status() == psutil.STATUS_ZOMBIE for process in processes)
    )


def start_python(program: str, *arguments: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", program, *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )


UP = "import sys, time; from deploy.stack import up; from pathlib import Path; s = up(Path(sys.argv[1]), bound={bound})"


def test_second_up_finds_the_first_and_settings_follow_it(data_dir: Path) -> None:
    first = stack.up(data_dir)
    assert stack.up(data_dir) == stack.find(data_dir) == first
    found = addresses({"VAXEL_KAFKA": "elsewhere:9092"}, data_dir)
    assert (found.kafka, found.records) == ("elsewhere:9092", first.records)


def test_status_tells_where_it_runs_and_how_it_looks_to_scripts(
    data_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    running = stack.up(data_dir)
    assert run(["status", "--data-dir", str(data_dir)]) == 0
    shown = capsys.readouterr().out
    assert running.kafka in shown
    assert "postgresql://" not in shown
    assert run(["status", "--json", "--data-dir", str(data_dir)]) == 0
    told = capsys.readouterr().out
    password = layout_of(data_dir).password.read_text()
    assert password in running.records
    assert password not in told
    assert json.loads(told)["records"] == running.records.replace(f":{password}@", "@")


def test_other_wishes_than_what_runs_are_refused(data_dir: Path) -> None:
    running = stack.up(data_dir)
    with pytest.raises(UsageError, match=rf"runs in .* with --kafka-port {running.kafka_port}, not 1234"):
        stack.up(data_dir, kafka_port=1234)
    with pytest.raises(UsageError, match="has 4 partitions, 5 are wanted"):
        stack.up(data_dir, partitions=5)


def test_only_loopback_and_only_with_the_password(data_dir: Path) -> None:
    running = stack.up(data_dir)
    listening = {
        connection.laddr.ip
        for process in processes_of(running)
        for connection in process.net_connections(kind="inet")
        if connection.status == psutil.CONN_LISTEN
    }
    assert {address.removeprefix("::ffff:") for address in listening} == {"127.0.0.1"}
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(running.records.replace("@", "x@"))
    for process in processes_of(running):
        assert layout_of(data_dir).password.read_text() not in " ".join(process.cmdline())


def test_data_and_ports_survive_down_and_up(data_dir: Path) -> None:
    before = stack.up(data_dir)
    processes = processes_of(before)
    ensure_topics(before.kafka, [TOPICS[0]], 4)
    with psycopg.connect(before.records) as connection:
        connection.execute("create table kept as select 42 as answer")
    assert stack.down(data_dir)
    wait_until_gone(processes)
    assert stack.find(data_dir) is None
    assert not stack.down(data_dir)

    after = stack.up(data_dir)
    assert (after.kafka, after.records) == (before.kafka, before.records)
    assert TELEMETRY[0] in partition_counts(after.kafka)
    with psycopg.connect(after.records) as connection:
        assert connection.execute("select answer from kept").fetchall() == [(42,)]


def test_two_at_once_right_after_a_killed_keeper_start_one(data_dir: Path) -> None:
    processes = processes_of(stack.up(data_dir))
    processes[0].kill()
    wait_until_gone(processes[:1])
    both = [start_python(UP.format(bound=False) + "; print(s.keeper_pid)", data_dir) for _ in range(2)]
    told = {process.communicate(timeout=120)[0].strip() for process in both}
    wait_until_gone(processes)
    running = stack.find(data_dir)
    assert running is not None
    assert told == {str(running.keeper_pid)}


def test_dead_server_stops_the_other_and_its_reason_is_kept(data_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    running = stack.up(data_dir)
    processes = processes_of(running)
    os.kill(running.kafka_pid, signal.SIGKILL)
    wait_until_gone(processes)
    assert run(["status", "--data-dir", str(data_dir)]) == 3
    shown = capsys.readouterr().out
    assert "Kafka was ended by SIGKILL" in shown
    assert "kafka.log" in shown


def test_up_killed_half_way_is_found_by_the_next(data_dir: Path) -> None:
    stack.down(data_dir)
    with start_python(UP.format(bound=False), data_dir) as starter:
        wait_until(layout_of(data_dir).children.exists)
        keeper_pid = int(layout_of(data_dir).lock.read_text())
        starter.kill()
    assert stack.find(data_dir) is None, "not half-way any more"
    assert stack.up(data_dir).keeper_pid == keeper_pid


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the next keeper ends what is left")
def test_killed_keeper_leaves_no_server_behind(data_dir: Path) -> None:
    processes = processes_of(stack.up(data_dir))
    assert len(processes) > 5
    processes[0].kill()
    wait_until_gone(processes)
    assert stack.find(data_dir) is None


def test_down_stops_a_stack_that_is_still_starting(data_dir: Path) -> None:
    stack.down(data_dir)
    with start_python(UP.format(bound=False), data_dir) as starter:
        wait_until(layout_of(data_dir).children.exists)
        keeper = psutil.Process(int(layout_of(data_dir).lock.read_text()))
        processes = [keeper, *keeper.children(recursive=True)]
        assert stack.down(data_dir)
        wait_until_gone(processes)
        assert starter.wait(30) != 0


def test_bound_stack_goes_with_its_killed_parent(data_dir: Path) -> None:
    stack.down(data_dir)
    with start_python(UP.format(bound=True) + "; print('up', flush=True); time.sleep(600)", data_dir) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline() == "up\n"
        running = stack.find(data_dir)
        assert running is not None
        assert running.parent_pid == parent.pid
        processes = processes_of(running)
        parent.kill()
    wait_until_gone(processes)
    assert stack.find(data_dir) is None
    assert stack.last_error(data_dir) is None


def test_taken_port_is_named_with_its_use_and_the_way_out(data_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    stack.down(data_dir)
    with socket.create_server((ports.LOOPBACK, 0)) as other:
        port = other.getsockname()[1]
        assert run(["up", "--data-dir", str(data_dir), "--postgres-port", str(port)]) == 3
    assert capsys.readouterr().err.splitlines()[-1] == (
        f"vaxel: port {port}, wanted for PostgreSQL, is taken by another program. "
        "Choose another with --postgres-port, or leave it out for a free one"
    )


def test_port_outside_the_range_is_wrong_use(data_dir: Path) -> None:
    stack.down(data_dir)
    with pytest.raises(UsageError, match="--kafka-port 80 is not accepted: choose 1024 to 65535"):
        stack.up(data_dir, kafka_port=80)


def test_data_of_another_postgresql_are_refused(tmp_path: Path) -> None:
    (tmp_path / "postgres").mkdir()
    (tmp_path / "postgres" / "PG_VERSION").write_text("12\n")
    with pytest.raises(OutsideError, match=rf"made by PostgreSQL 12, this is PostgreSQL {major_version()}\."):
        stack.up(tmp_path)
    assert not is_locked(layout_of(tmp_path))


def test_a_lock_of_postgresql_from_before_a_restart_of_the_machine_is_no_hindrance(data_dir: Path) -> None:
    """Process numbers begin anew then, and the one in the lock may belong to any program of the same user."""
    running = stack.up(data_dir)
    lock = layout_of(data_dir).postgres / "postmaster.pid"
    lines, owner = lock.read_text().splitlines(), lock.stat()
    stack.down(data_dir)
    account = {"user": owner.st_uid, "group": owner.st_gid} if os.geteuid() == 0 else {}
    with subprocess.Popen(["sleep", "600"], **account) as other:  # type: ignore[call-overload]
        lock.write_text("\n".join([str(other.pid), *lines[1:]]) + "\n")
        lock.chmod(0o600)
        os.chown(lock, owner.st_uid, owner.st_gid)
        try:
            assert stack.up(data_dir).records == running.records
        finally:
            other.kill()
