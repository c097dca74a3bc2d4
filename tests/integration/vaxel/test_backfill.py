"""`vaxel backfill` over a real Kafka and lake: what it writes, and killed between every two of its steps."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from confluent_kafka import Producer

from deploy import stack
from deploy.stack import Stack
from schemas.errors import OutsideError
from schemas.topics import RECEIPTS, SESSIONS_WASHER
from sinks.lake.connection import open_reader
from sinks.lake.lag import lag
from sinks.lake.sink import Settings, run
from sinks.lake.watch import Watch
from streams.frames import frames
from streams.product import SHOE, WASHER
from tests.unit.history.kept import Kept, simulated
from vaxel.backfill_publish import wait_for_lake

pytestmark = [pytest.mark.kafka, pytest.mark.postgres]

POINTS = ("backfill.after-fence", "backfill.after-work", "backfill.before-commit", "backfill.after-commit")
VERSIONS = "select session_id, version, status from wash_cycle_versions order by all"
TWICE = """
select session_id, version from (from wash_cycle_versions select session_id, version union all
  from run_versions select session_id, version) group by all having count(*) > 1
"""
PERIOD = ("--from", "2026-05-01", "--to", "2026-06-01", "--unsettled")
RUNS = "select session_id, version, status from run_versions order by all"


@pytest.fixture
def servers(tmp_path: Path) -> Iterator[Stack]:
    """A stack of its own, with what a stream said of some machines in Kafka and in the lake."""
    started = stack.up(tmp_path / "stack", bound=True)
    try:
        publish_history(started)
        follow(started)
        yield started
    finally:
        stack.down(tmp_path / "stack")


def publish_history(servers: Stack) -> None:
    producer = Producer({"bootstrap.servers": servers.kafka})
    for product, uploads in ((WASHER, simulated("washer", 3, 3)), (SHOE, simulated("shoe", 3, 5))):
        for outputs in Kept(product).take(uploads).said:
            for topic, table in ((RECEIPTS, outputs.receipts), (product.readings, outputs.readings)):
                for value in frames(table):
                    producer.produce(topic, value, partition=0)
            for session in outputs.sessions:
                producer.produce(product.sessions, json.dumps(session).encode(), str(session["device_id"]).encode(), 0)
    producer.flush()


def follow(servers: Stack) -> None:
    """The sink, until the lake holds all that Kafka does."""
    stop, watch = Event(), Watch()
    quick = Settings(max_age_s=0.2, max_idle_s=1.0)
    with ThreadPoolExecutor(1) as beside:
        sink = beside.submit(
            run, servers.kafka, servers.catalog, servers.lake_files, stop=stop, settings=quick, watch=watch
        )
        while not watch.caught_up and not sink.done():
            time.sleep(0.05)
        stop.set()
        sink.result()
    assert not lag(servers.kafka, servers.catalog, servers.lake_files)


def backfill(servers: Stack, rules: Path, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    addresses = {
        "VAXEL_KAFKA": servers.kafka,
        "VAXEL_LAKE_CATALOG": servers.catalog,
        "VAXEL_LAKE_FILES": servers.lake_files,
        "VAXEL_RECORDS": servers.records,
    }
    asked = [sys.executable, "-m", "vaxel", "backfill", *PERIOD, "--json", "--rules", str(rules), *words]
    return subprocess.run(
        asked, env={**os.environ, **addresses, **environment}, capture_output=True, text=True, timeout=300, check=False
    )


def ask(servers: Stack, query: str) -> list[tuple[Any, ...]]:
    with closing(open_reader(servers.catalog, servers.lake_files)) as connection:
        return connection.execute(query).fetchall()


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    file = tmp_path / "rules.toml"
    file.write_text("[anomalies]\nleast_spin_ms = 3600000\n[runs]\nslowest_mm_per_ms = 2.5\n")
    return file


def changed(told: subprocess.CompletedProcess[str]) -> int:
    """Sessions of both products that change: some of each."""
    counts = [own["changed"] for own in json.loads(told.stdout)["products"].values()]
    assert len(counts) == 2
    assert all(counts)
    return sum(counts)


def versions(servers: Stack) -> list[tuple[Any, ...]]:
    return ask(servers, VERSIONS) + ask(servers, RUNS)


def test_a_dry_run_writes_nothing_and_a_run_what_it_told_once(servers: Stack, rules: Path, tmp_path: Path) -> None:
    before = versions(servers)
    (tmp_path / "same.toml").write_text("")
    same = json.loads(backfill(servers, tmp_path / "same.toml", "--dry-run").stdout)
    assert [own["changed"] for own in same["products"].values()] == [0, 0]
    told = backfill(servers, rules, "--dry-run")
    assert json.loads(told.stdout)["written"] is None
    follow(servers)
    assert versions(servers) == before
    done = json.loads(backfill(servers, rules).stdout)
    assert done["written"] == changed(told)
    follow(servers)
    assert len(versions(servers)) == len(before) + done["written"]
    assert json.loads(backfill(servers, rules).stdout)["written"] == 0


def test_one_product_alone_is_looked_at(servers: Stack, rules: Path) -> None:
    told = json.loads(backfill(servers, rules, "--dry-run", "--product", "shoe").stdout)
    assert list(told["products"]) == ["shoe"]
    assert told["products"]["shoe"]["changed"] > 0


def test_killed_between_any_two_steps_and_run_again_each_version_is_there_once(servers: Stack, rules: Path) -> None:
    before = len(versions(servers))
    expected = before + changed(backfill(servers, rules, "--dry-run"))
    for point in POINTS:
        assert backfill(servers, rules, VAXEL_CRASH_AT=point).returncode == -signal.SIGKILL
        if point != POINTS[-1]:
            assert len(versions(servers)) == before
    follow(servers)
    assert len(versions(servers)) == expected
    assert json.loads(backfill(servers, rules).stdout)["written"] == 0
    follow(servers)
    assert len(versions(servers)) == expected
    assert ask(servers, TWICE) == []


def test_a_lake_that_is_behind_is_waited_for_and_told(servers: Stack, rules: Path) -> None:
    producer = Producer({"bootstrap.servers": servers.kafka})
    session = Kept(WASHER).take(simulated("washer", 1, 2)).said[0].sessions[0]
    producer.produce(SESSIONS_WASHER, json.dumps(session).encode(), b"w-1", 0)
    producer.flush()
    said: list[str] = []
    with pytest.raises(OutsideError, match="the lake is behind Kafka in 1 partitions"):
        wait_for_lake(servers.kafka, (servers.catalog, servers.lake_files), 0.1, said.append)
