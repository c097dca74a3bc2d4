"""What the sink has read and not yet stored: rows by table, and the next offset of each partition. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import pyarrow as pa

from schemas.lake import Input
from sinks.lake.decode import Record, failed_rows, frame_batches, frame_rows, json_rows
from sinks.lake.positions import Place

RECORDS_AT_ONCE = 2_000
"""Records that become rows together: as models of Python one takes kilobytes, as a row hundreds of bytes."""
RECORD_BYTES = 1_000
"""What a record takes beside its value while it waits, about."""


@dataclass
class Batch:
    """Grows record by record. Records become rows soon, so that rows and bytes are known, and memory is bounded.

    Attributes:
        inputs: By topic.
        ends: Next offset of each partition that has moved.
        bytes_held: Of rows, and of records that are no rows yet.
    """

    inputs: Mapping[str, Input]
    ends: dict[Place, int] = field(default_factory=dict)
    row_count: int = 0
    bytes_held: int = 0
    _frames: dict[str, list[pa.RecordBatch]] = field(default_factory=dict)
    _records: dict[str, list[Record]] = field(default_factory=dict)
    _record_bytes: dict[str, int] = field(default_factory=dict)
    _made: dict[str, list[pa.Table]] = field(default_factory=dict)

    def add(self, record: Record) -> None:
        """Takes the record in.

        Raises:
            OutsideError: a frame that cannot be read, or a record among those before it.
        """
        topic = record.topic
        entry = self.inputs[topic]
        if entry.form == "arrow":
            batches = frame_batches(record, entry.table.contract)
            self._frames.setdefault(topic, []).extend(batches)
            self.row_count += sum(batch.num_rows for batch in batches)
            self.bytes_held += sum(batch.nbytes for batch in batches)
        elif record.value is not None or not entry.is_compacted:
            waiting = self._records.setdefault(topic, [])
            waiting.append(record)
            taken = RECORD_BYTES + len(record.value or b"")
            self.row_count += 1
            self.bytes_held += taken
            self._record_bytes[topic] = self._record_bytes.get(topic, 0) + taken
            if len(waiting) >= RECORDS_AT_ONCE:
                self._make_rows(topic)
        self.ends[topic, record.partition] = record.offset + 1

    def reach(self, place: Place, next_offset: int) -> None:
        """Notes that nothing of the partition lies unread below this offset: transaction markers have offsets too."""
        self.ends[place] = next_offset

    def rows(self) -> dict[str, pa.Table]:
        """Rows to store, by table name; tables without any are left out.

        Raises:
            OutsideError: a record that cannot be read.
        """
        for topic in list(self._records):
            self._make_rows(topic)
        for topic, batches in self._frames.items():
            self._keep(topic, frame_rows(batches, self.inputs[topic].table.contract))
        self._frames = {}
        whole = {name: pa.concat_tables(parts) for name, parts in self._made.items()}
        return {name: rows for name, rows in whole.items() if rows.num_rows}

    def _make_rows(self, topic: str) -> None:
        entry, records = self.inputs[topic], self._records.pop(topic)
        rows = failed_rows(records) if entry.form == "original" else json_rows(records, entry.table.contract)
        self.bytes_held += rows.nbytes - self._record_bytes.pop(topic)
        self._keep(topic, rows)

    def _keep(self, topic: str, rows: pa.Table) -> None:
        self._made.setdefault(self.inputs[topic].table.name, []).append(rows)
