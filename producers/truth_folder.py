"""The folder that holds the ground truth of one run, as Parquet.

In:            rows of `schemas.truth` and `schemas.fleet`.
Out:           `records.parquet`, `sessions.parquet`, and `fleet.parquet` when there is a fleet.
Guarantee:     a file has its name only once it is complete; memory holds one batch of records.
On failure:    `OutsideError`. That, and a process killed outright, leaves `*.part` files, which nobody takes for the
               truth.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from schemas.errors import OutsideError
from schemas.fields import Contract
from schemas.fleet import FleetDevice
from schemas.forms import arrow_schema
from schemas.truth import FLEET_FILE, RECORDS_FILE, SESSIONS_FILE, TRUTH_FOLDER, TrueRecord, TrueSession


class TruthFolder:
    """One run's folder; `write_records` as often as needed, `finish` once."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.record_count = 0
        with _writing(path):
            self._records = pq.ParquetWriter(_part(path / RECORDS_FILE), arrow_schema(TrueRecord))

    def write_records(self, records: list[TrueRecord]) -> None:
        """Append acknowledged records."""
        if records:
            with _writing(self.path):
                self._records.write_table(_table(TrueRecord, records))
            self.record_count += len(records)

    def finish(self, sessions: Iterable[TrueSession], devices: list[FleetDevice]) -> None:
        """Write the rest and give every file its name, the records last."""
        names = [SESSIONS_FILE, RECORDS_FILE]
        with _writing(self.path):
            self._records.close()
            pq.write_table(_table(TrueSession, list(sessions)), _part(self.path / SESSIONS_FILE))
            if devices:
                rows = pa.Table.from_pylist([device.model_dump() for device in devices])
                pq.write_table(rows, _part(self.path / FLEET_FILE))
                names.insert(0, FLEET_FILE)
            for name in names:
                _part(self.path / name).rename(self.path / name)


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


@contextmanager
def _writing(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise OutsideError(
            f"Cannot write the truth to {str(path)!r}: {error.strerror or error}. Kafka holds what it acknowledged, "
            "but of this run `vaxel verify` cannot tell whether it is right"
        ) from error


def _part(path: Path) -> Path:
    return path.with_name(f"{path.name}.part")


def _table(model: type[Contract], rows: list[TrueRecord] | list[TrueSession]) -> pa.Table:
    schema = arrow_schema(model)
    return pa.table({name: [getattr(row, name) for row in rows] for name in schema.names}, schema=schema)
