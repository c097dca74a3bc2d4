"""Captures: a segment of a topic in a file, record by record, as Kafka held it.

A capture is a Parquet file that any Parquet reader opens, one row a record:

| column | |
|---|---|
| `partition`, `offset` | the place it came from; offsets ascend within a partition |
| `timestamp` | Kafka's own stamp, UTC |
| `key`, `value` | the record's bytes; null where it had none |
| `headers` | list of name and bytes |

and the key `vaxel.capture` of the file's metadata says what it is (`About`). Keys and values are the bytes as they
came, refused uploads too: a capture meets the contract of the day it is replayed on.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from types import TracebackType

import pyarrow as pa
import pyarrow.parquet as pq

from schemas.errors import OutsideError, RecordingError

FORMAT = 1
METADATA_KEY = b"vaxel.capture"
MAGIC = b"PAR1"

ROWS_AT_ONCE = 2_000
"""Read at a time, or what one `write` wrote if it is less."""

SCHEMA = pa.schema(
    [
        pa.field("partition", pa.int32(), nullable=False),
        pa.field("offset", pa.int64(), nullable=False),
        pa.field("timestamp", pa.timestamp("ms", "UTC"), nullable=False),
        pa.field("key", pa.binary()),
        pa.field("value", pa.binary()),
        pa.field("headers", pa.list_(pa.struct([("name", pa.string()), ("value", pa.binary())])), nullable=False),
    ]
)

Headers = list[tuple[str, bytes | None]]


@dataclass(frozen=True, slots=True)
class CapturedRecord:
    """One record as Kafka held it."""

    partition: int
    offset: int
    timestamp_ms: int
    key: bytes | None
    value: bytes | None
    headers: Headers

    @property
    def size_bytes(self) -> int:
        """Key, value and headers."""
        held = [self.key, self.value, *(value for _, value in self.headers)]
        return sum(len(part) for part in held if part is not None)


@dataclass(frozen=True)
class About:
    """What a capture says of itself.

    Attributes:
        partition_count: Of the topic, also where records of some partitions only were captured.
    """

    topic: str
    partition_count: int
    format: int = FORMAT


class CaptureWriter:
    """Writes a capture beside its name, and gives it the name when it is whole.

    Memory holds what was given to one `write`, which becomes a row group. Leaving with an error removes what was
    written.
    """

    def __init__(self, path: Path, about: About) -> None:
        self._path, self._part = path, path.with_name(f"{path.name}.part")
        schema = SCHEMA.with_metadata({METADATA_KEY: json.dumps(asdict(about))})
        try:
            self._writer = pq.ParquetWriter(self._part, schema, compression="zstd", write_page_checksum=True)
        except OSError as error:
            raise _unwritable(path, error) from error

    def __enter__(self) -> CaptureWriter:
        return self

    def write(self, records: Sequence[CapturedRecord]) -> None:
        """Append records; none add nothing.

        Raises:
            OutsideError: the disk does not take them.
        """
        if not records:
            return
        columns = {
            "partition": [record.partition for record in records],
            "offset": [record.offset for record in records],
            "timestamp": [record.timestamp_ms for record in records],
            "key": [record.key for record in records],
            "value": [record.value for record in records],
            "headers": [[{"name": name, "value": value} for name, value in record.headers] for record in records],
        }
        try:
            self._writer.write_table(pa.table(columns, schema=SCHEMA))
        except OSError as error:
            raise _unwritable(self._path, error) from error

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        try:
            self._writer.close()
            if kind is None:
                self._part.rename(self._path)
        except OSError as full:
            raise _unwritable(self._path, full) from full
        finally:
            self._part.unlink(missing_ok=True)


@dataclass(frozen=True)
class Capture:
    """A capture that can be read: what it is, and its records on demand."""

    path: Path
    about: About
    record_count: int

    def records(self) -> Iterator[CapturedRecord]:
        """All records in the order of the file; `ROWS_AT_ONCE` of them are in memory.

        Raises:
            RecordingError: the file is damaged.
        """
        try:
            with pq.ParquetFile(self.path, pre_buffer=False, page_checksum_verification=True) as file:
                for group in range(file.num_row_groups):  # a batch may span groups, and each holds megabytes
                    for batch in file.iter_batches(ROWS_AT_ONCE, row_groups=[group]):
                        yield from _records(batch)
        except (pa.ArrowException, OSError) as error:
            raise RecordingError(f"Cannot replay {str(self.path)!r}: {error}; it is damaged") from error


def is_capture(path: Path) -> bool:
    """Whether the file begins as Parquet does; what cannot be opened does not."""
    try:
        with path.open("rb") as file:
            return file.read(len(MAGIC)) == MAGIC
    except OSError:
        return False


def opened(path: Path) -> Capture:
    """The capture in a file.

    Raises:
        RecordingError: it is no whole Parquet file, no capture, or one of a newer format.
    """
    try:
        with pq.ParquetFile(path) as file:
            schema, record_count = file.schema_arrow, file.metadata.num_rows
    except (pa.ArrowException, OSError) as error:
        raise RecordingError(f"Cannot replay {str(path)!r}: not a whole Parquet file ({error})") from error
    about = (schema.metadata or {}).get(METADATA_KEY)
    if about is None:
        raise RecordingError(
            f"Cannot replay {str(path)!r}: a Parquet file, but no capture; accepted is what `vaxel capture` writes"
        )
    try:
        told = json.loads(about)
        found = int(told["format"])
        if found > FORMAT:
            raise RecordingError(
                f"Cannot replay {str(path)!r}: capture format {found} found, formats 1 to {FORMAT} are known. "
                "Replay it with the version that wrote it"
            )
        capture = Capture(path, About(**{field.name: told[field.name] for field in fields(About)}), record_count)
    except (ValueError, KeyError, TypeError) as error:
        raise RecordingError(f"Cannot replay {str(path)!r}: its {METADATA_KEY.decode()} is {about!r}") from error
    if not schema.remove_metadata().equals(SCHEMA):
        raise RecordingError(f"Cannot replay {str(path)!r}: columns {schema.names}, expected {SCHEMA.names}")
    return capture


def _records(batch: pa.RecordBatch) -> Iterator[CapturedRecord]:
    stamps = batch.column("timestamp").cast(pa.int64())
    columns = [batch.column(name) for name in ("partition", "offset")]
    columns += [stamps, *(batch.column(name) for name in ("key", "value", "headers"))]
    for partition, offset, stamp, key, value, headers in zip(*(column.to_pylist() for column in columns), strict=True):
        yield CapturedRecord(
            partition, offset, stamp, key, value, [(header["name"], header["value"]) for header in headers]
        )


def _unwritable(path: Path, error: OSError) -> OutsideError:
    return OutsideError(f"Cannot write the capture {str(path)!r}: {error.strerror or error}")
