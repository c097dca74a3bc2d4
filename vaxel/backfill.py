"""A backfill: sessions of a period told anew from the lake's readings, part by part, in as many processes as there are
processors. Devices do not know each other, so a part is some devices, as many as a process holds at once.

In:            accepted uploads, readings and session versions of one snapshot of the lake; reference.* topics.
Out:           a report, and the versions to write in files of a directory (`vaxel.backfill_publish` sends them).
Guarantee:     nothing is written but those files; the same snapshot, references and rules give the same versions.
On failure:    one part fails, all stop.
"""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import closing
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import duckdb
import pyarrow as pa

from schemas.errors import OutsideError
from schemas.lake import READINGS_SHOE, READINGS_WASHER, RUN_VERSIONS, WASH_CYCLE_VERSIONS, Table
from schemas.topics import REFERENCE_CONTRACT, REFERENCE_CUSTODY
from sinks.lake import history as lake
from sinks.lake.connection import open_reader, outside
from sinks.lake.topics import Topics
from streams.awaited import AWAITED_MS
from streams.curve_rules import RULES
from streams.dedupe import WINDOW
from streams.desk.reading import Record, references
from streams.desk.register import Register
from streams.history import Past, channels_of, retold
from streams.history_compare import Bounds, Change, compare
from streams.history_report import Report, report_of
from streams.history_rules import Rules
from streams.pieces import MANY_PIECES
from streams.product import SHOE, WASHER, Product, with_thresholds
from streams.settings import EngineSettings
from streams.state_topic import live_records

PART_READINGS = 500_000
"""Readings that a process holds at once, about: 300 MB with what is worked out of them."""
PROCESS_MEMORY = "1GB"
"""Most that DuckDB takes in each process."""
SETTLING = lake.Settling(WINDOW, AWAITED_MS, WINDOW + MANY_PIECES + 2)
"""After so many newer uploads a state has looked through its pieces once more, and forgotten what is settled."""
PRODUCTS: Mapping[str, Product] = {"washer": WASHER, "shoe": SHOE}
AMOUNTS: Mapping[str, str] = {"washer": "energy_wh", "shoe": "distance_m"}
_TABLES: Mapping[str, tuple[Table, Table]] = {
    "washer": (READINGS_WASHER, WASH_CYCLE_VERSIONS),
    "shoe": (READINGS_SHOE, RUN_VERSIONS),
}
VERSIONS = pa.schema([("topic", pa.string()), ("partition", pa.int32()), ("key", pa.string()), ("value", pa.string())])
"""What a file of versions holds: records of Kafka."""


@dataclass(frozen=True)
class Order:
    """What is asked for.

    Attributes:
        snapshot: The lake as of which everything is read.
        from_ms, to_ms: Sessions that begin in [from_ms, to_ms).
        unsettled: Also sessions that the stream may still change.
        folder: Where the versions go; None: they are only counted.
    """

    catalog: str
    files: str
    snapshot: int
    from_ms: int
    to_ms: int
    rules: Rules
    unsettled: bool
    folder: str | None


@dataclass(frozen=True)
class Piece:
    """One part of the work: `number` is its place among those of its product."""

    product: str
    first: str
    last: str
    newest_ms: int
    number: int


def newest_snapshot(catalog: str, files: str) -> int:
    """Number of the lake's newest snapshot."""
    with closing(open_reader(catalog, files)) as connection:
        return lake.snapshot_of(connection)


def known_devices(kafka: str) -> Register:
    """Custodies and contracts of all devices, as the record systems tell them now.

    Raises:
        UnreachableError: Kafka does not answer.
    """
    register = Register()
    settings = EngineSettings(kafka)
    for topic in (REFERENCE_CUSTODY, REFERENCE_CONTRACT):
        numbers = [number for _, number in Topics(kafka).partitions([topic])]
        for records in live_records(settings, topic, numbers).values():
            told = [Record(topic, 0, key, record.value) for key, record in records.items()]
            for reference in references(told):
                register.learn(reference)
    return register


def run(
    order: Order, register: Register, products: Sequence[str], processes: int, progress: Callable[[int, int], None]
) -> dict[str, Report]:
    """The report of each product.

    Args:
        progress: Told how many readings are done, and of how many.
    Raises:
        OutsideError: the lake cannot be read, or a process ended (out of memory, most likely).
    """
    with closing(_opened(order, 0)) as connection:
        pieces = [piece for name in products for piece in _pieces(connection, order, name)]
        reports = {name: Report() for name in products}
        every = sum(readings for _, readings in pieces)
        done = 0
        made = (
            ((piece, work(order, register, connection, piece)) for piece, _ in pieces)
            if processes == 1 or len(pieces) < 2
            else _in_processes(order, register, [piece for piece, _ in pieces], processes)
        )
        for piece, report in made:
            reports[piece.product].add(report)
            done += report.readings
            progress(done, max(every, done))
    return reports


def work(order: Order, register: Register, connection: duckdb.DuckDBPyConnection, piece: Piece) -> Report:
    """Tell the sessions of some devices anew, and compare; what differs goes into a file of the order's folder."""
    product = with_thresholds(PRODUCTS[piece.product], order.rules.thresholds)
    readings_table, versions_table = _TABLES[piece.product]
    part = lake.Part(product.telemetry, piece.first, piece.last, order.from_ms, order.to_ms)
    uploads = lake.uploads(connection, part)
    readings = lake.readings(connection, readings_table, part, uploads, channels_of(product))
    settled = lake.settled(connection, part, SETTLING, piece.newest_ms).to_pydict()
    by_device = {
        name: {
            device_id: value
            for device_id, value in zip(settled["device_id"], settled[name], strict=True)
            if value is not None
        }
        for name in ("received_ms", "measured_ms", "newest_ms", "partition")
    }
    bounds = Bounds(
        order.from_ms,
        order.to_ms,
        by_device["received_ms"],
        by_device["measured_ms"],
        longest_pause_ms(order.rules),
        order.unsettled,
        by_device["newest_ms"],
    )
    told = retold(product, Past(uploads, readings), register)
    compared = compare(told, lake.newest(connection, versions_table, part), AMOUNTS[piece.product], bounds)
    report = report_of(compared, register, order.rules.prices)
    report.readings, report.uploads = readings.num_rows, uploads.num_rows
    report.devices = len(by_device["partition"])
    if order.folder is not None and compared.changes:
        _write(
            Path(order.folder) / f"{piece.product}-{piece.number:06}.arrow",
            product,
            compared.changes,
            by_device["partition"],
        )
    return report


def longest_pause_ms(rules: Rules) -> int:
    """The pause that ends a cycle by the stream's rules and by these: until it is over a cycle may go on by either."""
    return max(RULES.pause_ms, rules.thresholds.curve.pause_ms)


def _write(file: Path, product: Product, changes: Sequence[Change], partition: Mapping[str, int]) -> None:
    versions = [change.after for change in changes]
    keys = [str(version["device_id"]) for version in versions]
    rows = pa.table(
        {
            "topic": [product.sessions] * len(keys),
            "partition": [partition[key] for key in keys],
            "key": keys,
            "value": [json.dumps(version) for version in versions],
        },
        schema=VERSIONS,
    )
    with pa.ipc.new_file(file, VERSIONS, options=pa.ipc.IpcWriteOptions(compression="lz4")) as writer:
        writer.write_table(rows)


def _pieces(connection: duckdb.DuckDBPyConnection, order: Order, product: str) -> list[tuple[Piece, int]]:
    """Parts of about `PART_READINGS`, and how many readings each is of."""
    topic = PRODUCTS[product].telemetry
    newest_ms = lake.newest_received_ms(connection, topic)
    pieces: list[tuple[Piece, int]] = []
    names: list[str] = []
    readings = 0
    found = lake.devices(connection, topic, order.from_ms, order.to_ms)
    for place, (device_id, count) in enumerate(found):
        names.append(device_id)
        readings += count
        if readings >= PART_READINGS or place == len(found) - 1:
            pieces.append((Piece(product, names[0], names[-1], newest_ms, len(pieces)), readings))
            names, readings = [], 0
    return pieces


def _opened(order: Order, threads: int) -> duckdb.DuckDBPyConnection:
    connection = open_reader(order.catalog, order.files, PROCESS_MEMORY, as_of=order.snapshot)
    if threads:
        with outside("set the number of threads"):
            connection.execute(f"SET threads = {threads}")
    return connection


def _in_processes(
    order: Order, register: Register, pieces: Sequence[Piece], processes: int
) -> Iterator[tuple[Piece, Report]]:
    # Processes that were forked would share DuckDB's threads and Kafka's, which do not live on in them.
    pool = ProcessPoolExecutor(processes, get_context("spawn"), _begin, (order, register))
    try:
        running: dict[Future[Report], Piece] = {pool.submit(_do, piece): piece for piece in pieces}
        while running:
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                yield running.pop(future), future.result()
    except (BrokenProcessPool, BrokenPipeError) as error:  # the latter while it was being begun
        raise OutsideError(
            "a process of the backfill ended before its work was done, most likely for want of memory. Nothing was "
            "written; --processes 1 takes less."
        ) from error
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


_OWN: tuple[Order, Register, duckdb.DuckDBPyConnection] | None = None


def _begin(order: Order, register: Register) -> None:
    """What each process does first: it keeps what all parts need. Ctrl-C is for the process that began it."""
    global _OWN  # noqa: PLW0603  (the one way by which a pool hands something to its processes once)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    pa.set_cpu_count(1)
    _OWN = order, register, _opened(order, 1)


def _do(piece: Piece) -> Report:
    assert _OWN is not None, "the process was begun"
    order, register, connection = _OWN
    return work(order, register, connection, piece)
