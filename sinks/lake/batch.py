"""What the sink has read and not yet stored: rows by table, and the next offset of each partition. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import pyarrow as pa

from schemas.lake import Input
from sinks.lake.decode import Record, failed_rows, frame_batches, frame_rows, json_rows
from sinks.lake.positions import Place


@dataclass
class Batch:
    """Grows record by record; frames are decoded at once, so that rows and bytes are known.

    Attributes:
        inputs: By topic.
        ends: Next offset of each partition that has moved.
        bytes_held: Of decoded frames and of raw values.
    """

    inputs: Mapping[str, Input]
    ends: dict[Place, int] = field(default_factory=dict)
    row_count: int = 0
    bytes_held: int = 0
    _frames: dict[str, list[pa.RecordBatch]] = field(default_factory=dict)
    _records: dict[str, list[Record]] = field(default_factory=dict)

    def add(self, record: Record) -> None:
        """Takes the record in.

        Raises:
            OutsideError: a frame that cannot be read.
        """
        entry = self.inputs[record.topic]
        if entry.form == "arrow":
            batches = frame_batches(record, entry.table.contract)
            self._frames.setdefault(record.topic, []).extend(batches)
            self.row_count += sum(batch.num_rows for batch in batches)
            self.bytes_held += sum(batch.nbytes for batch in batches)
        elif record.value is not None or not entry.is_compacted:
            self._records.setdefault(record.topic, []).append(record)
            self.row_count += 1
            self.bytes_held += len(record.value or b"")
        self.ends[record.topic, record.partition] = record.offset + 1

    def reach(self, place: Place, next_offset: int) -> None:
        """Notes that nothing of the partition lies unread below this offset: transaction markers have offsets too."""
        self.ends[place] = next_offset

    def rows(self) -> dict[str, pa.Table]:
        """Rows to store, by table name; tables without any are left out.

        Raises:
            OutsideError: a record that cannot be read.
        """
        made: dict[str, list[pa.Table]] = {}
        for topic, batches in self._frames.items():
            table = self.inputs[topic].table
            made.setdefault(table.name, []).append(frame_rows(batches, table.contract))
        for topic, records in self._records.items():
            entry = self.inputs[topic]
            rows = failed_rows(records) if entry.form == "original" else json_rows(records, entry.table.contract)
            made.setdefault(entry.table.name, []).append(rows)
        whole = {name: pa.concat_tables(parts) for name, parts in made.items()}
        return {name: rows for name, rows in whole.items() if rows.num_rows}
