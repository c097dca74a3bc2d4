"""How fast analysts get answers from the lake, beside plain DuckDB on its files and PostgreSQL on a part of its rows.

In:            a lake filled for the occasion, in a stack of its own; its files; its first days copied into PostgreSQL.
Out:           median seconds of each of twelve questions by contender, warm, and the size on disk.
Guarantee:     each answer is compared with the lake's own on the same rows; a wrong answer has no speed.
On failure:    servers are stopped and files are removed, also on Ctrl-C.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
import psycopg

from benchmarks.lake_fill import FIRST_DAY, fill, fleet_of, name_of
from benchmarks.lake_queries import Query, Row, Span, difference, queries
from deploy import stack
from schemas.lake import READINGS_WASHER, WASH_CYCLE_VERSIONS, Table
from sinks.lake.connection import DEFAULT_MEMORY, LAKE, open_reader

LAKE_ALL, PLAIN_ALL = "Växel, all rows", "DuckDB on the same files"
LAKE_PART, POSTGRES = "Växel, first days", "PostgreSQL, first days"
CONTENDERS = (LAKE_ALL, PLAIN_ALL, LAKE_PART, POSTGRES)
POSTGRES_READINGS = 10_000_000
SERVER_SETTINGS = {"shared_buffers": "2GB", "effective_cache_size": "8GB", "max_wal_size": "4GB"}
"""PostgreSQL's own defaults are for a machine of twenty years ago."""
SESSION_SETTINGS = {"work_mem": "256MB", "maintenance_work_mem": "1GB", "random_page_cost": "1.1"}

EIGHT = tuple(name_of(device) for device in range(8))
OWN = {"readings": "readings", "cycles": "cycles"}
"""Names of the tables outside the lake."""
COPIED = {
    "readings": (
        "device_id", "session_no", "seq", "measured_at", "span_ms", "power_w", "energy_wh", "water_l", "temperature_c",
        "drum_rpm", "phase",
    ),
    "cycles": ("session_id", "device_id", "session_no", "material", "programme", "started_at"),
}  # fmt: skip

Ask = Callable[[Query], list[Row]]


@dataclass(frozen=True)
class Answer:
    """What one contender did with one question.

    Attributes:
        seconds: Of each run after the first one, which warms up.
        rows: Of the answer.
        wrong: How it differs from the lake's own; empty when it is right.
    """

    query: str
    contender: str
    seconds: tuple[float, ...]
    rows: int
    wrong: str

    @property
    def median_s(self) -> float | None:
        """None for a wrong answer."""
        return None if self.wrong else statistics.median(self.seconds)


@dataclass(frozen=True)
class Asked:
    """The whole measurement; `part` is what PostgreSQL holds too."""

    readings: int
    part_readings: int
    devices: int
    days: int
    part_days: int
    fill_s: float
    copy_s: float
    files: int
    lake_bytes: int
    postgres_bytes: int
    asks: dict[str, str]
    answers: tuple[Answer, ...]

    @property
    def is_right(self) -> bool:
        return not any(answer.wrong for answer in self.answers)


def measure(readings: int, runs: int, say: Callable[[str], None], postgres_readings: int = POSTGRES_READINGS) -> Asked:
    """Fills a lake with about so many readings and asks everybody.

    Args:
        runs: Timed runs of each question, after one that warms up.
        postgres_readings: About so many, in whole days, are copied into PostgreSQL.
    Raises:
        OutsideError: no servers could be started.
    """
    with tempfile.TemporaryDirectory(prefix="vaxel-bench-") as name, _servers(Path(name) / "stack", say) as servers:
        fleet = fleet_of(readings)
        began_s = time.perf_counter()
        filled = fill(servers.catalog, servers.lake_files, fleet, say)
        fill_s = time.perf_counter() - began_s
        whole = Span(FIRST_DAY, fleet.last_day)
        part = replace(fleet, days=min(fleet.days, max(1, round(fleet.days * postgres_readings / filled))))
        say("copying the first days into PostgreSQL")
        with (
            open_reader(servers.catalog, servers.lake_files) as lake,
            psycopg.connect(servers.records, autocommit=True) as postgres,
        ):
            began_s = time.perf_counter()
            copied = _copy(lake, postgres, servers.records, part.last_day)
            copy_s = time.perf_counter() - began_s
            answers = [
                *_of_all(lake, whole, runs, say),
                *_of_part(lake, postgres, Span(FIRST_DAY, part.last_day), runs, say),
            ]
            sizes = [size for _, size in _files(lake, READINGS_WASHER)]
            postgres_bytes = postgres.execute("SELECT pg_total_relation_size('readings')").fetchone()
    assert postgres_bytes is not None, "an aggregate has a row"
    return Asked(
        filled, copied, fleet.devices, fleet.days, part.days, fill_s, copy_s, len(sizes), sum(sizes), postgres_bytes[0],
        {query.name: query.asks for query in queries(whole, EIGHT)}, tuple(answers),
    )  # fmt: skip


@contextmanager
def _servers(folder: Path, say: Callable[[str], None]) -> Iterator[stack.Stack]:
    """A stack whose PostgreSQL has settings for this machine, which takes a second start."""
    try:
        started = stack.up(folder, bound=True, say=say)
        with psycopg.connect(started.records, autocommit=True) as postgres:
            for name, value in SERVER_SETTINGS.items():
                postgres.execute(f"ALTER SYSTEM SET {name} = '{value}'".encode())
        stack.down(folder)
        yield stack.up(folder, bound=True, say=say)
    finally:
        stack.down(folder)


def _of_all(lake: duckdb.DuckDBPyConnection, span: Span, runs: int, say: Callable[[str], None]) -> Iterator[Answer]:
    names = {"readings": READINGS_WASHER.name, "cycles": WASH_CYCLE_VERSIONS.name}
    with duckdb.connect(config={"memory_limit": DEFAULT_MEMORY}) as plain:
        for name, table in (("readings", READINGS_WASHER), ("cycles", WASH_CYCLE_VERSIONS)):
            files = [file for file, _ in _files(lake, table)]
            plain.execute(f"CREATE VIEW {name} AS SELECT * FROM read_parquet({files}, hive_partitioning = false)")
        for query in queries(span, EIGHT):
            say(f"{query.name}, all rows: {query.asks}")
            yield from _raced(query, {LAKE_ALL: _duckdb(lake, names), PLAIN_ALL: _duckdb(plain, OWN)}, runs)


def _of_part(
    lake: duckdb.DuckDBPyConnection,
    postgres: psycopg.Connection[Any],
    span: Span,
    runs: int,
    say: Callable[[str], None],
) -> Iterator[Answer]:
    names = {
        "readings": f"(SELECT * FROM {READINGS_WASHER.name} WHERE measured_at < '{span.last}')",
        "cycles": f"(SELECT * FROM {WASH_CYCLE_VERSIONS.name} WHERE started_at < '{span.last}')",
    }
    for query in queries(span, EIGHT):
        say(f"{query.name}, first days: {query.asks}")
        yield from _raced(query, {LAKE_PART: _duckdb(lake, names), POSTGRES: _postgres(postgres)}, runs)


def _raced(query: Query, contenders: Mapping[str, Ask], runs: int) -> Iterator[Answer]:
    """The contenders' answers to one question, by turns; the first contender's is what the others' have to be."""
    seconds: dict[str, list[float]] = {name: [] for name in contenders}
    found: dict[str, list[Row]] = {}
    for run in range(runs + 1):
        for name, ask in contenders.items():
            began_s = time.perf_counter()
            found[name] = ask(query)
            if run > 0:
                seconds[name].append(time.perf_counter() - began_s)
    expected = next(iter(found.values()))
    for name, rows in found.items():
        wrong = difference(rows, expected) or ("" if rows else "no rows: the question asks nothing")
        yield Answer(query.name, name, tuple(seconds[name]), len(rows), wrong)


def _duckdb(connection: duckdb.DuckDBPyConnection, names: Mapping[str, str]) -> Ask:
    return lambda query: list(connection.execute(query.sql.format(**names)).fetchall())


def _postgres(connection: psycopg.Connection[Any]) -> Ask:
    return lambda query: list(connection.execute((query.postgres or query.sql).format(**OWN).encode()).fetchall())


def _files(lake: duckdb.DuckDBPyConnection, table: Table) -> list[tuple[str, int]]:
    """Path and size of the table's files in the newest snapshot."""
    return lake.execute(
        f"SELECT data_file, data_file_size_bytes FROM ducklake_list_files('{LAKE}', '{table.name}')"
    ).fetchall()


def _copy(lake: duckdb.DuckDBPyConnection, postgres: psycopg.Connection[Any], address: str, before: datetime) -> int:
    """Copies what was measured before into PostgreSQL, indexes it by device and time, and has it analysed."""
    for name, value in SESSION_SETTINGS.items():
        postgres.execute(f"SET {name} = '{value}'".encode())
    lake.execute(f"ATTACH '{address}' AS postgres (TYPE postgres)")
    for table, instant, name in (
        (READINGS_WASHER, "measured_at", "readings"),
        (WASH_CYCLE_VERSIONS, "started_at", "cycles"),
    ):
        # PostgreSQL knows no milliseconds alone; its timestamps hold microseconds.
        columns = ", ".join(
            f"{column}::TIMESTAMP AS {column}" if column == instant else column for column in COPIED[name]
        )
        lake.execute(f"CREATE TABLE postgres.{name} AS SELECT {columns} FROM {table.name} WHERE {instant} < '{before}'")
    lake.execute("DETACH postgres")
    for statement in (
        "CREATE INDEX ON readings (device_id, measured_at)",
        "CREATE INDEX ON readings (measured_at)",
        "CREATE INDEX ON cycles (device_id, session_no)",
        "VACUUM ANALYZE",
    ):
        postgres.execute(statement.encode())
    row = postgres.execute("SELECT count(*) FROM readings").fetchone()
    assert row is not None, "an aggregate has a row"
    return int(row[0])


def as_json(asked: Asked) -> dict[str, object]:
    """Everything, for programs."""
    return {
        **asdict(asked),
        "answers": [{**asdict(answer), "median_s": answer.median_s} for answer in asked.answers],
        "is_right": asked.is_right,
    }
