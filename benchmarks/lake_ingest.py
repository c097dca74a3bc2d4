"""How fast readings get from Kafka into the lake, beside what gives no guarantee.

In:            frames of readings as a stream worker writes them, in a Kafka and with a PostgreSQL of its own.
Out:           readings a second, processor time and peak memory of each contender, a fresh process each.
Guarantee:     all contenders get the same bytes; count and sums of what each wrote are compared with the truth. A
               wrong answer has no speed.
On failure:    servers are stopped and files are removed, also on Ctrl-C.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

import duckdb
import psutil  # type: ignore[import-untyped]
from confluent_kafka import Producer

from benchmarks.engine.machine import machine
from benchmarks.lake_ingest_load import TRUTH_SQL, Truth, load
from deploy import stack
from schemas.errors import OutsideError, VaxelError
from schemas.lake import READINGS_WASHER
from schemas.topics import DEFAULT_PARTITIONS, FRAME_BYTES
from schemas.topics import READINGS_WASHER as TOPIC
from sinks.lake.connection import open_reader

SINK = "vaxel sink lake"
CONTENDERS = {
    SINK: "rows and positions in one transaction, files by day, sorted",
    "pyarrow": "read, decode, ParquetWriter; no guarantee, unsorted",
    "copy": "DuckDB COPY alone of the decoded tables, unsorted",
    "copy-sorted": "DuckDB COPY alone, sorted as the lake's files",
}
"""What is measured, and what each gives."""
WITHIN_S = 900.0
STOP_S = 30.0


@dataclass(frozen=True)
class Ingested:
    """What one contender did. Where COPY alone is measured, seconds are those of COPY.

    Attributes:
        total_s: From the start of the process to the last reading written.
        sustained_s: From the first batch written to the last.
        sustained_readings: Written in that time.
        cpu_s: Processor time of the process.
        broker_cpu_s: Of the broker meanwhile.
        peak_bytes: The most memory that the process ever held; None where the system does not tell.
        files: Parquet files written.
        wrong: What it wrote wrongly; empty if all is right.
    """

    name: str
    readings: int
    total_s: float
    sustained_s: float
    sustained_readings: int
    cpu_s: float
    broker_cpu_s: float
    peak_bytes: int | None
    files: int
    file_bytes: int
    wrong: str

    @property
    def readings_per_s(self) -> float | None:
        """Sustained; None when the answer is wrong, or there was one batch only."""
        return None if self.wrong or not self.sustained_s else self.sustained_readings / self.sustained_s


def measure(readings: int, say: Callable[[str], None], partitions: int = DEFAULT_PARTITIONS) -> list[Ingested]:
    """All contenders, one after the other, on the same records.

    Args:
        readings: Of which the first batch, about a million, is not counted in the sustained speed.
    Raises:
        OutsideError: no servers could be started, or a contender ended early.
    """
    with tempfile.TemporaryDirectory(prefix="vaxel-bench-") as name, _servers(Path(name), partitions, say) as servers:
        say(f"writing {readings:,} readings into Kafka")
        truth = _fill(servers.kafka, readings, partitions)
        measured = []
        for contender, what in CONTENDERS.items():
            say(f"{contender}: {what}")
            measured.append(_measured(contender, servers, Path(name) / contender, partitions, truth))
        return measured


@contextmanager
def _servers(folder: Path, partitions: int, say: Callable[[str], None]) -> Iterator[stack.Stack]:
    try:
        yield stack.up(folder / "stack", partitions=partitions, bound=True, say=say)
    finally:
        stack.down(folder / "stack")


def _fill(kafka: str, readings: int, partitions: int) -> Truth:
    """Committed transactions, a frame a partition each, as workers write them."""
    producer = Producer(
        {"bootstrap.servers": kafka, "transactional.id": "bench", "message.max.bytes": FRAME_BYTES, "log_level": 0}
    )
    producer.init_transactions(STOP_S)
    truth = Truth(0, 0, 0)
    producer.begin_transaction()
    for number, (partition, value, part) in enumerate(load(readings, partitions)):
        if number and partition == 0:
            producer.commit_transaction()
            producer.begin_transaction()
        producer.produce(TOPIC, value, partition=partition)
        truth += part
    producer.commit_transaction()
    return truth


def _measured(contender: str, servers: stack.Stack, folder: Path, partitions: int, truth: Truth) -> Ingested:
    if contender == SINK:
        program = [sys.executable, "-m", "vaxel", "sink", "lake", "--json"]
        files = Path(servers.lake_files)
    else:
        numbers = [str(partitions), str(truth.readings), str(folder)]
        program = [sys.executable, "-m", "benchmarks.lake_ingest_process", contender, servers.kafka, TOPIC, *numbers]
        files = folder
    broker = psutil.Process(servers.kafka_pid)
    broker_before_s = _cpu_s(broker)
    began_s = time.perf_counter()
    with _started(program, servers) as process:
        told = _followed(process, truth.readings)
        own = psutil.Process(process.pid)
        cpu_s, peak_bytes = _cpu_s(own), _peak_bytes(process.pid)
    broker_cpu_s = _cpu_s(broker) - broker_before_s
    rest = told[1:]
    if contender.startswith("copy"):
        total_s, sustained_s = sum(one.took_s for one in told), sum(one.took_s for one in rest)
    else:
        total_s, sustained_s = told[-1].at_s - began_s, told[-1].at_s - told[0].at_s
    written = list(files.rglob("*.parquet"))
    return Ingested(
        contender,
        truth.readings,
        total_s,
        sustained_s,
        sum(one.rows for one in rest),
        cpu_s,
        broker_cpu_s,
        peak_bytes,
        len(written),
        sum(file.stat().st_size for file in written),
        _wrong(contender, servers, folder, truth),
    )


@dataclass(frozen=True)
class _Told:
    """A batch that a contender has written: when its line came, by this process's clock."""

    at_s: float
    rows: int
    took_s: float


@contextmanager
def _started(program: Sequence[str], servers: stack.Stack) -> Iterator[subprocess.Popen[str]]:
    environment = {
        **os.environ,
        "VAXEL_KAFKA": servers.kafka,
        "VAXEL_LAKE_CATALOG": servers.catalog,
        "VAXEL_LAKE_FILES": servers.lake_files,
        "VAXEL_RECORDS": servers.records,
    }
    process = subprocess.Popen(program, env=environment, stdout=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
        if process.stdout is not None:
            process.stdout.close()


def _followed(process: subprocess.Popen[str], readings: int) -> list[_Told]:
    """What it told until all readings were written.

    Raises:
        OutsideError: it ended before.
    """
    assert process.stdout is not None
    told, left, deadline_s = list[_Told](), readings, time.monotonic() + WITHIN_S
    for line in process.stdout:
        one = json.loads(line)
        rows = one["rows"] if isinstance(one["rows"], int) else one["rows"].get(READINGS_WASHER.name, 0)
        if rows:
            told.append(_Told(time.perf_counter(), rows, one["took_s"]))
        left -= rows
        if left <= 0:
            return told
        if time.monotonic() > deadline_s:
            raise OutsideError(f"{left:,} of {readings:,} readings were left after {WITHIN_S:.0f} s")
    raise OutsideError(f"It ended with exit code {process.wait(STOP_S)}, {left:,} of {readings:,} readings were left")


def _cpu_s(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def _peak_bytes(pid: int) -> int | None:
    with suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    return None


def _wrong(contender: str, servers: stack.Stack, folder: Path, truth: Truth) -> str:
    if contender == SINK:
        with open_reader(servers.catalog, servers.lake_files) as lake:
            found = lake.execute(TRUTH_SQL.format(rows=READINGS_WASHER.name)).fetchone()
    else:
        found = duckdb.sql(TRUTH_SQL.format(rows=f"'{folder}/*.parquet'")).fetchone()
    return "" if found is not None and Truth(*found) == truth else f"{found} found, {truth} expected"


def as_json(measured: Sequence[Ingested]) -> list[dict[str, object]]:
    """Everything, for programs."""
    return [{**asdict(one), "readings_per_s": one.readings_per_s} for one in measured]


def lines(measured: Sequence[Ingested]) -> list[tuple[str, ...]]:
    """A heading, then a line per contender."""
    head = ("", "readings/s", "whole run", "CPU s per million", "broker's", "peak memory", "files", "bytes/reading")
    found: list[tuple[str, ...]] = [head]
    for one in measured:
        millions = one.readings / 1e6
        found.append(
            (
                f"{one.name}: {CONTENDERS[one.name]}",
                one.wrong or ("one batch" if one.readings_per_s is None else f"{one.readings_per_s:,.0f}"),
                f"{one.total_s:.1f} s",
                f"{one.cpu_s / millions:.2f}",
                f"{one.broker_cpu_s / millions:.2f}",
                "unknown" if one.peak_bytes is None else f"{one.peak_bytes / 1e6:,.0f} MB",
                f"{one.files}",
                f"{one.file_bytes / one.readings:.1f}",
            )
        )
    return found


def markdown(measured: Sequence[Ingested]) -> str:
    """The section for `RESULTS.md`."""
    head, *rest = lines(measured)
    rows = [head, ("---", *["---:"] * (len(head) - 1)), *rest]
    about = "\n".join(f"- {name}: {what}" for name, what in machine().items())
    table = "\n".join("| " + " | ".join(row) + " |" for row in rows)
    return f"{about}\n\n{measured[0].readings:,} readings.\n\n{table}"


def main() -> None:
    """`python -m benchmarks.lake_ingest --readings 10000000`"""
    parser = argparse.ArgumentParser(description="Readings from Kafka into the lake, a second.")
    parser.add_argument("--readings", type=int, default=60_000_000)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    try:
        measured = measure(options.readings, lambda line: print(line, file=sys.stderr, flush=True))  # noqa: T201
    except VaxelError as error:
        sys.exit(str(error))
    print(json.dumps(as_json(measured)) if options.json else markdown(measured))  # noqa: T201
    if any(one.wrong for one in measured):
        sys.exit(1)


if __name__ == "__main__":
    main()
