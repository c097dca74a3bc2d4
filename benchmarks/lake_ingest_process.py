"""Takes readings out of Kafka without any guarantee: KIND KAFKA TOPIC PARTITIONS READINGS FOLDER.

KIND is `pyarrow`: read, decode, write each million rows to a Parquet file; or `copy` and `copy-sorted`: the same files
by DuckDB, of which the COPY alone is timed. A line of JSON for each file. Then waits to be stopped: an ended process no
longer tells how much it has used.
"""

from __future__ import annotations

import json
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaException, TopicPartition

from schemas.facts import WasherReading
from schemas.lake import READINGS_WASHER
from sinks.lake.decode import frame_rows

FILE_ROWS = 1_000_000
"""As many as the sink's transactions have."""
Write = Callable[[pa.Table, Path], None]


def main(kind: str, kafka: str, topic: str, partitions: str, readings: str, folder: str) -> None:
    write = {"pyarrow": _by_pyarrow, "copy": _by_copy(""), "copy-sorted": _by_copy(_ORDER)}[kind]
    Path(folder).mkdir(parents=True)
    for number, rows in enumerate(_tables(kafka, topic, int(partitions), int(readings))):
        began_s = time.perf_counter()
        write(rows, Path(folder) / f"{number}.parquet")
        took_s = time.perf_counter() - began_s
        print(json.dumps({"rows": rows.num_rows, "took_s": took_s}), flush=True)  # noqa: T201
    signal.pause()


def _tables(kafka: str, topic: str, partitions: int, readings: int) -> Iterator[pa.Table]:
    """The readings as tables of about FILE_ROWS, as the lake holds them."""
    consumer = Consumer(
        {
            "bootstrap.servers": kafka,
            "group.id": "bench",
            "enable.auto.commit": False,
            "fetch.message.max.bytes": 1 << 23,
        }
    )
    consumer.assign([TopicPartition(topic, number, OFFSET_BEGINNING) for number in range(partitions)])
    left, batches, rows = readings, list[pa.RecordBatch](), 0
    while left:
        message = consumer.poll(1.0)
        if message is None:
            continue
        error = message.error()
        if error is not None:
            raise KafkaException(error)
        with pa.ipc.open_stream(message.value() or b"") as stream:
            taken = list(stream)
        count = sum(batch.num_rows for batch in taken)
        batches, rows, left = [*batches, *taken], rows + count, left - count
        if rows >= FILE_ROWS or not left:
            yield frame_rows(batches, WasherReading)
            batches, rows = [], 0
    consumer.close()


def _by_pyarrow(rows: pa.Table, file: Path) -> None:
    with pq.ParquetWriter(file, rows.schema) as writer:
        writer.write_table(rows)


_ORDER = "ORDER BY " + ", ".join(READINGS_WASHER.sorted_by)


def _by_copy(order: str) -> Write:
    database = duckdb.connect()

    def write(rows: pa.Table, file: Path) -> None:
        database.register("rows", rows)
        database.execute(f"COPY (SELECT * FROM rows {order}) TO '{file}' (FORMAT parquet)")
        database.unregister("rows")

    return write


if __name__ == "__main__":
    main(*sys.argv[1:])
