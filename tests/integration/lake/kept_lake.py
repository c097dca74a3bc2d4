"""A lake without a Kafka, to be filled by hand and looked after."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb

from schemas.retention import DAY_MS
from sinks.lake.care import maintain
from sinks.lake.care_plan import Done, Plan
from sinks.lake.connection import open_reader
from sinks.lake.extent import holding

FIRST_DAY = datetime(2026, 3, 1, tzinfo=UTC)
HEART_RATE = 143.21875
"""Found in a file's values, it is one of ours."""
ALL_AT_ONCE = Plan(snapshots_for_ms=0, grace_ms=0)
READING = """
SELECT 's-' || (i % 3) AS device_id, {first} + i AS seq, 1 AS session_no,
       ('{day}'::TIMESTAMP + to_milliseconds(i * {every_ms}))::TIMESTAMP AS measured_at, 1000 AS span_ms,
       i::DOUBLE AS distance_m, 170.0 AS cadence_spm, {heart_rate} + (i % 4) * 0.0078125 AS heart_rate_bpm,
       53.5 AS latitude_deg, 10.25 AS longitude_deg
FROM range({rows}) AS t(i)
"""
SEEN = "SELECT count(*), count(DISTINCT seq), sum(seq), count(heart_rate_bpm), count(latitude_deg) FROM readings_shoe"


@dataclass(frozen=True)
class Kept:
    """A lake without a Kafka."""

    catalog: str
    files: str
    writer: duckdb.DuckDBPyConnection

    def put(self, first: int, rows: int, day: int = 1, every_ms: int = 1000, heart_rate: float = HEART_RATE) -> None:
        values = {"first": first, "rows": rows, "day": f"2026-03-{day:02}", "every_ms": every_ms}
        self.writer.execute(f"INSERT INTO readings_shoe BY NAME {READING.format(heart_rate=heart_rate, **values)}")

    def ask(self, query: str) -> list[tuple[Any, ...]]:
        with open_reader(self.catalog, self.files) as reader:
            return reader.execute(query).fetchall()

    def newest(self) -> int:
        return max(number for number, _ in holding(self.catalog).snapshots)

    def maintain(self, plan: Plan = Plan(), at_ms: int | None = None) -> dict[str, Done]:  # noqa: B008
        """What was done, by step; as seen by a clock that says `at_ms`."""
        done: dict[str, Done] = {}
        maintain(
            self.catalog, self.files, plan, now_ms=now_ms() if at_ms is None else at_ms,
            report=lambda step: done.__setitem__(step.name, step),
        )  # fmt: skip
        return done

    def parquet(self, table: str = "readings_shoe") -> list[Path]:
        return sorted(Path(self.files).glob(f"main/{table}/**/*.parquet"))


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def later_ms(days: int = 1) -> int:
    """So late that nothing is too young to go."""
    return now_ms() + days * DAY_MS


def age_ms(at_ms: int, day: int) -> int:
    """How long ago the begin of that day of March 2026 is then."""
    return at_ms - int(FIRST_DAY.timestamp() * 1000) - (day - 1) * DAY_MS


def total(done: Done) -> int:
    return sum(change.count for change in done.changes)
