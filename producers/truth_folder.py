"""The folder that holds the ground truth of one run.

In:            rows of `schemas.truth` and `schemas.fleet`, as Arrow tables.
Out:           a Parquet file per contract, named as `schemas.truth` says.
Guarantee:     rows are in the folder when `append` returns, as an Arrow stream that can be read up to where it ends
               (`told_so_far`); a Parquet file has its name only once it is complete, `records.parquet` the last.
               Memory holds one group of rows.
On failure:    `OutsideError`. That, and a process killed outright, leaves the Arrow streams and no `records.parquet`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from schemas.errors import OutsideError
from schemas.fields import Contract
from schemas.fleet import FleetDevice, LifeEvent
from schemas.forms import arrow_schema
from schemas.truth import (
    CONDITIONS_FILE,
    EVENTS_FILE,
    FLEET_FILE,
    RECORDS_FILE,
    SESSIONS_FILE,
    TOTALS_FILE,
    TRUTH_FOLDER,
    UPLOADS_FILE,
    TrueCondition,
    TrueRecord,
    TrueSession,
    TrueTotal,
    TrueUpload,
)

FILES: Mapping[type[Contract], str] = {
    FleetDevice: FLEET_FILE,
    LifeEvent: EVENTS_FILE,
    TrueUpload: UPLOADS_FILE,
    TrueSession: SESSIONS_FILE,
    TrueCondition: CONDITIONS_FILE,
    TrueTotal: TOTALS_FILE,
    TrueRecord: RECORDS_FILE,  # the last to get its name: it says that the folder is complete
}
ROWS_PER_GROUP = 100_000

_COMPRESSED = pa.ipc.IpcWriteOptions(compression="lz4")


class TruthFolder:
    """One run's folder; `append` as often as needed, `finish` once."""

    def __init__(self, path: Path) -> None:
        self.path = path
        with _writing(path):
            self._streams = {contract: _Stream(path / name, contract) for contract, name in FILES.items()}

    def append(self, contract: type[Contract], rows: pa.Table) -> None:
        """Write rows of the contract behind the others, at once: thousands in a call, where speed counts.

        Args:
            rows: The columns of `arrow_schema(contract)`, in any order.
        """
        with _writing(self.path):
            self._streams[contract].append(rows)

    def finish(self) -> None:
        """Make the Parquet files, the records last, and take the streams away."""
        with _writing(self.path):
            for stream in self._streams.values():
                stream.finish()


class _Stream:
    """The rows of one contract on their way into its file."""

    def __init__(self, path: Path, contract: type[Contract]) -> None:
        self._path = path
        self._schema = arrow_schema(contract)
        self._file = pa.OSFile(str(stream_path(path)), "wb")  # not buffered: what is written outlives the process
        self._writer = pa.ipc.new_stream(self._file, self._schema, options=_COMPRESSED)

    def append(self, rows: pa.Table) -> None:
        if rows.num_rows:
            self._writer.write_table(rows.select(self._schema.names).cast(self._schema), max_chunksize=ROWS_PER_GROUP)

    def finish(self) -> None:
        self._writer.close()
        self._file.close()
        unfinished = self._path.with_name(f"{self._path.name}.part")
        with (
            pa.OSFile(str(stream_path(self._path))) as file,
            pa.ipc.open_stream(file) as batches,
            pq.ParquetWriter(unfinished, self._schema) as writer,
        ):
            for group in _groups(batches):
                writer.write_table(group)
        unfinished.rename(self._path)
        stream_path(self._path).unlink()


def stream_path(path: Path) -> Path:
    """Where the rows of a file of the truth are until they become that file."""
    return path.with_suffix(".arrows")


def told_so_far(folder: Path, contract: type[Contract]) -> pa.Table:
    """Rows of the contract in the folder of a run that is under way or was killed: all that was written whole."""
    batches: list[pa.RecordBatch] = []
    try:
        with pa.OSFile(str(stream_path(folder / FILES[contract]))) as file:
            batches.extend(pa.ipc.open_stream(file))
    except (OSError, pa.ArrowInvalid):  # no such file, or it ends in the middle of rows
        pass
    return pa.Table.from_batches(batches, arrow_schema(contract))


def new_truth_folder(data_dir: Path, run_id: str) -> TruthFolder:
    """An empty folder for a run; a second run of the same id gets a number behind it.

    Raises:
        OutsideError: The data directory cannot be written.
    """
    number = 1
    while True:
        path = data_dir / TRUTH_FOLDER / (run_id if number == 1 else f"{run_id}-{number}")
        try:
            path.mkdir(parents=True, exist_ok=False)
        except FileExistsError:
            number += 1
        except OSError as error:
            raise OutsideError(f"Cannot write the truth under {str(data_dir)!r}: {error.strerror}") from error
        else:
            return TruthFolder(path)


def rows_of(contract: type[Contract], rows: Iterable[Contract]) -> pa.Table:
    """Rows of a contract as the table that `append` takes."""
    schema = arrow_schema(contract)
    made = list(rows)
    return pa.table({name: [getattr(row, name) for row in made] for name in schema.names}, schema=schema)


def _groups(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.Table]:
    """Batches put together to groups of at least `ROWS_PER_GROUP` rows, but for the last."""
    group: list[pa.RecordBatch] = []
    rows = 0
    for batch in batches:
        group.append(batch)
        rows += batch.num_rows
        if rows >= ROWS_PER_GROUP:
            yield pa.Table.from_batches(group)
            group, rows = [], 0
    if group:
        yield pa.Table.from_batches(group)


@contextmanager
def _writing(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise OutsideError(
            f"Cannot write the truth to {str(path)!r}: {error.strerror or error}. Kafka holds what it acknowledged, "
            "but of this run `vaxel verify` cannot tell whether it is right"
        ) from error
