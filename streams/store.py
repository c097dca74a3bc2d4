"""State as columns: a structured NumPy array with a row per thing, saved as a rolling snapshot (decision D5). Pure.

Checkpoint i saves the rows changed since the last one (`delta`) and all rows of page i mod PAGES (`page`). Row r lies
on page r mod PAGES, wherever the array ends. Every page is saved again within PAGES checkpoints of a change, so the
newest PAGES deltas and PAGES pages, laid over each other in order of checkpoint, are the state. A large slice is saved
in parts; a part that no newer one replaces is older than its rows' pages, so it does no harm.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from streams.texts import padded, trimmed

PAGES = 64
SCHEMA_VERSION = 5
FIELDS_SINCE = {
    "received_ms": 2,
    "bodies": 3,
    "board_no": 3,
    "counters": 3,
    "seen": 3,
    "known_from": 4,
    "told_readings": 4,
    "told_end_ms": 4,
    "told_amount": 4,
    "contact_balance_sum": 4,
    "contact_balance_ms": 4,
    "moving_ms": 4,
    "paused_ms": 4,
    "moving_mm": 4,
    "tail_ms": 4,
    "tail_mm": 4,
    "next_seq": 4,
    "heads_ms": 4,
    "full_km": 4,
    "heart_rate_bands": 4,
    "course_sums": 4,
    "heating_ms": 4,
    "within_ms": 4,
    "course_highest": 4,
    "course_said": 4,
    "became_known_ms": 5,
    "event_known_ms": 5,
}
"""Fields that came after schema version 1, within others too, and with which. In state written before they are zero:
not known."""
PART_ROWS = 25_000
PART_BYTES = 8_000_000
"""Rows, and bytes of them before compression, in one record at most, so that Kafka takes it."""

_FIRST_CAPACITY = 256

Rows = npt.NDArray[np.int64]
Records = npt.NDArray[np.void]


@dataclass(frozen=True)
class Slice:
    """Some rows of a store, as they were at a checkpoint."""

    checkpoint: int
    rows: Rows
    used: npt.NDArray[np.bool_]
    values: Records

    def parts(self) -> Iterator[Slice]:
        """The same rows in slices of at most PART_ROWS and PART_BYTES."""
        size = max(1, min(PART_ROWS, PART_BYTES // max(1, self.values.dtype.itemsize)))
        for start in range(0, len(self.rows), size):
            chosen = slice(start, start + size)
            yield Slice(self.checkpoint, self.rows[chosen], self.used[chosen], self.values[chosen])


class Store:
    """Rows of one structured dtype: taken, changed in place, given back, saved by slices."""

    def __init__(self, dtype: np.dtype[np.void]) -> None:
        self.values: Records = np.zeros(_FIRST_CAPACITY, dtype=dtype)
        self.used = np.zeros(_FIRST_CAPACITY, dtype=bool)
        self._changed = np.zeros(_FIRST_CAPACITY, dtype=bool)
        self._page_changed = np.zeros(PAGES, dtype=bool)
        self._free: list[Rows] = []
        self._end = 0

    def __len__(self) -> int:
        return int(self.used.sum())

    def take(self, count: int) -> Rows:
        """Rows for that many new things, zeroed; freed rows first."""
        reused = self._take_freed(count)
        self.values[reused] = np.zeros((), dtype=self.values.dtype)
        end = self._end + count - len(reused)
        self._grow(end)
        rows = np.concatenate([reused, np.arange(self._end, end)])
        self._end = end
        self.used[rows] = True
        self.touch(rows)
        return rows

    def free(self, rows: Rows) -> None:
        """Give rows back; each at most once."""
        if not len(rows):
            return
        self.used[rows] = False
        self.touch(rows)
        self._free.append(rows)

    def touch(self, rows: Rows) -> None:
        """Say that the rows have changed, so that the next checkpoint saves them."""
        self._changed[rows] = True
        self._page_changed[rows % PAGES] = True

    @property
    def row_bytes(self) -> int:
        """What one row takes: its fields, and whether it is in use and has changed."""
        return self.values.dtype.itemsize + self.used.dtype.itemsize + self._changed.dtype.itemsize

    def rows(self) -> Rows:
        """All rows in use, ascending."""
        return np.flatnonzero(self.used[: self._end]).astype(np.int64)

    def delta(self, checkpoint: int) -> Slice | None:
        """The rows changed since the last delta, if any; they count as saved from here on."""
        rows = np.flatnonzero(self._changed[: self._end]).astype(np.int64)
        self._changed[rows] = False
        return self._slice(checkpoint, rows) if len(rows) else None

    def page(self, checkpoint: int) -> Slice | None:
        """The rows of the checkpoint's page, unless none of them has changed since it was last saved."""
        index = checkpoint % PAGES
        if not self._page_changed[index]:
            return None
        self._page_changed[index] = False
        return self._slice(checkpoint, np.arange(index, self._end, PAGES, dtype=np.int64))

    def restore(self, slices: Iterable[Slice]) -> None:
        """Lay saved slices over this empty store, in order of checkpoint.

        Which rows only a delta holds is not known any more, so every page in use counts as changed.
        """
        for part in slices:
            if len(part.rows):
                self._end = max(self._end, int(part.rows.max()) + 1)
                self._grow(self._end)
                self.values[part.rows] = part.values
                self.used[part.rows] = part.used
                self._page_changed[part.rows % PAGES] = True
        self._free = [np.flatnonzero(~self.used[: self._end])]

    def _take_freed(self, count: int) -> Rows:
        """Up to that many of the rows given back."""
        taken = [np.empty(0, dtype=np.int64)]
        while count and self._free:
            rows = self._free.pop()
            if len(rows) > count:
                self._free.append(rows[:-count])
                rows = rows[-count:]
            taken.append(rows)
            count -= len(rows)
        return np.concatenate(taken)

    def _slice(self, checkpoint: int, rows: Rows) -> Slice:
        return Slice(checkpoint, rows, self.used[rows].copy(), self.values[rows].copy())

    def _grow(self, needed: int) -> None:
        capacity = len(self.values)
        if needed <= capacity:
            return
        while capacity < needed:
            capacity *= 2
        for name in ("values", "used", "_changed"):
            old = getattr(self, name)
            new = np.zeros(capacity, dtype=old.dtype)
            new[: len(old)] = old
            setattr(self, name, new)


def to_frame(part: Slice) -> pa.Table:
    """A slice as an Arrow table: row, used, and one column per field; its checkpoint and version in the metadata."""
    names = part.values.dtype.names
    assert names is not None, "a store's rows are structured"
    fields = {"row": pa.array(part.rows), "used": pa.array(part.used)}
    for name in names:
        values = np.ascontiguousarray(part.values[name])
        if values.ndim > 1 or values.dtype.names:
            fields[name] = _packed(values)
        else:
            fields[name] = trimmed(values) if values.dtype.kind == "S" else pa.array(values)
    table = pa.table(fields)
    return table.replace_schema_metadata({"checkpoint": str(part.checkpoint), "schema_version": str(SCHEMA_VERSION)})


def from_frame(table: pa.Table, dtype: np.dtype[np.void]) -> Slice:
    """The slice in a frame of `to_frame`.

    Raises:
        ValueError: written by a newer schema version, or for other fields.
    """
    heading = heading_of(table.schema)
    if not 1 <= heading.schema_version <= SCHEMA_VERSION:
        raise ValueError(
            f"state of schema version {heading.schema_version} found, versions 1 to {SCHEMA_VERSION} are known"
        )
    names = [name for name in dtype.names or () if FIELDS_SINCE.get(name, 1) <= heading.schema_version]
    if table.column_names != ["row", "used", *names]:
        raise ValueError(f"state with columns {table.column_names} found, {['row', 'used', *names]} are known")
    values = np.zeros(table.num_rows, dtype=dtype)
    for name in names:
        column = table.column(name)
        if dtype[name].shape or dtype[name].names:
            as_it_was = _known_in(dtype[name], heading.schema_version)
            _fill(values[name], _unpacked(column.combine_chunks(), as_it_was))
            continue
        is_text = dtype[name].kind == "S"
        values[name] = padded(column.combine_chunks(), dtype[name].itemsize) if is_text else column.to_numpy()
    return Slice(
        heading.checkpoint,
        np.asarray(table.column("row").to_numpy(), dtype=np.int64),
        np.asarray(table.column("used").combine_chunks().to_numpy(zero_copy_only=False), dtype=bool),
        values,
    )


def _packed(values: npt.NDArray[Any]) -> pa.Array:
    """A field of several numbers a row, or of several fields, as one value of their bytes, little-endian."""
    raw = values.astype(values.dtype.newbyteorder("<"), copy=False).tobytes()
    row_bytes = values.dtype.itemsize * int(np.prod(values.shape[1:]))
    return pa.Array.from_buffers(pa.binary(row_bytes), len(values), [None, pa.py_buffer(raw)])


def _known_in(field: np.dtype[Any], schema_version: int) -> np.dtype[Any]:
    """The field as that version had it: without what came later, if it is of several fields."""
    base, shape = field.subdtype or (field, ())
    if base.names is None:
        return field
    known = [(name, base[name]) for name in base.names if FIELDS_SINCE.get(name, 1) <= schema_version]
    return np.dtype((np.dtype(known), shape))


def _fill(values: npt.NDArray[Any], known: npt.NDArray[Any]) -> None:
    """Put in what is known, field by field where there are several; the rest stays zero."""
    if known.dtype.names is None:
        values[...] = known
        return
    for name in known.dtype.names:
        values[name] = known[name]


def _unpacked(column: pa.Array, field: np.dtype[Any]) -> npt.NDArray[Any]:
    """The reverse of `_packed`, for a field of that type."""
    if column.type != pa.binary(field.itemsize):
        raise ValueError(f"state with a field of {column.type} found, {field.itemsize} bytes are known")
    base, shape = field.subdtype or (field, ())
    first = column.offset * field.itemsize
    raw = memoryview(column.buffers()[1] or b"")[first : first + len(column) * field.itemsize]
    return np.frombuffer(raw, dtype=base.newbyteorder("<")).reshape(len(column), *shape)


@dataclass(frozen=True)
class Heading:
    """What a frame of `to_frame` says of itself. Frames of before there were versions have 0."""

    checkpoint: int
    schema_version: int


def heading_of(schema: pa.Schema) -> Heading:
    """The heading in a frame's schema."""
    metadata = schema.metadata or {}
    return Heading(int(metadata.get(b"checkpoint", 0)), int(metadata.get(b"schema_version", 0)))
