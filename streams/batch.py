"""A batch of uploads of one partition as columns, and its readings laid out one per row. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from schemas.failures import FailedEvent
from schemas.uploads import MAX_SPAN_MS

MS_PER_MINUTE = 60_000
LATE_SPAN_MS = 66_000
"""A meter that reports each minute is a little late now and then: up to a tenth more than `MAX_SPAN_MS` is no silence.
Its reading speaks for `MAX_SPAN_MS` all the same."""

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Place:
    """Where a batch comes from: one partition of one input topic."""

    topic: str
    partition: int


@dataclass(frozen=True)
class Batch:
    """Uploads that obey their contract, in order of arrival.

    Attributes:
        uploads: Columns of the upload contract, n rows.
        key: Kafka key of each upload (string, null where it is no text).
        offset: Kafka offset of each upload.
        received_at_ms: When Kafka took each upload in.
        original: The bytes of each upload as they came.
        repairs: By which repair each upload came back from the failed events, None for most; None where none did.
        denied: By consent field, the readings (`Instants`) that may not be kept, whatever their uploads say.
        known: Channels laid out so far, and their peaks: several rules look at the same ones.
    """

    place: Place
    uploads: pa.Table
    key: pa.Array
    offset: Ints
    received_at_ms: Ints
    original: Sequence[bytes]
    repairs: Sequence[str | None] | None = None
    denied: Mapping[str, npt.NDArray[np.bool_]] = field(default_factory=dict, compare=False, repr=False)
    known: dict[tuple[str, str], Floats] = field(default_factory=dict, compare=False, repr=False)

    @property
    def is_repaired(self) -> npt.NDArray[np.bool_] | None:
        """Whether each upload came back from the failed events; None where none did."""
        return None if self.repairs is None else np.array([name is not None for name in self.repairs], dtype=bool)

    @cached_property
    def headings(self) -> list[tuple[str | None, int, str, str]]:
        """Key, number, material and firmware of each upload; one by one they would cost many times more."""
        columns = (self.uploads.column(name).to_pylist() for name in ("seq", "material", "firmware"))
        return list(zip(self.key.to_pylist(), *columns, strict=True))

    def integers(self, name: str, null: int = 0) -> Ints:
        """An integer column as NumPy; `null` stands for null."""
        return np.asarray(pc.fill_null(self.uploads.column(name), null).to_numpy(), dtype=np.int64)

    def flags(self, name: str) -> npt.NDArray[np.bool_]:
        """A boolean column as NumPy; null is false."""
        return np.asarray(pc.fill_null(self.uploads.column(name), False).to_numpy(), dtype=bool)

    def take(self, rows: npt.NDArray[np.bool_]) -> Batch:
        """The chosen uploads only, order kept."""
        mask = pa.array(rows)
        return Batch(
            self.place,
            self.uploads.filter(mask),
            self.key.filter(mask),
            self.offset[rows],
            self.received_at_ms[rows],
            [self.original[row] for row in np.flatnonzero(rows).tolist()],
            None if self.repairs is None else [self.repairs[row] for row in np.flatnonzero(rows).tolist()],
        )


@dataclass(frozen=True)
class Outputs:
    """What a step says: facts and refusals, in the forms of `schemas`. Any part may be empty.

    Attributes:
        receipts, readings: Arrow tables of the contracts `Receipt` and the product's reading.
        sessions: Session versions, oldest first.
        failed: Refused uploads.
    """

    receipts: pa.Table
    readings: pa.Table
    sessions: list[dict[str, object]]
    failed: list[FailedEvent]


@dataclass(frozen=True)
class Instants:
    """The readings of a batch, one per row, uploads one after the other.

    Attributes:
        upload: Index of the upload in the batch.
        first: Index of each upload's first reading; its readings end where the next upload's begin.
        count: Readings per upload.
        measured_at_ms: Time of the reading.
        span_ms: How long before it the reading speaks for, at most `MAX_SPAN_MS`; 0 after a silence: longer than that,
            or than `LATE_SPAN_MS` between readings of power.
    """

    upload: Ints
    first: Ints
    count: Ints
    measured_at_ms: Ints
    span_ms: Ints

    def last_measured_ms(self) -> Ints:
        """Time of each upload's last reading, which is its highest: offsets ascend. 0 without any."""
        last = np.zeros(len(self.count), dtype=np.int64)
        filled = self.count > 0
        last[filled] = self.measured_at_ms[(self.first + self.count - 1)[filled]]
        return last


def instants(batch: Batch) -> Instants:
    """Times of all readings of a batch."""
    offsets = batch.uploads.column("offset_ms").combine_chunks()
    count = np.asarray(pc.list_value_length(offsets).to_numpy(), dtype=np.int64)
    upload = np.repeat(np.arange(len(count), dtype=np.int64), count)
    first = np.cumsum(count) - count
    offset_ms = np.asarray(offsets.flatten().to_numpy(), dtype=np.int64)
    measured_at_ms = batch.integers("start_ms")[upload] + offset_ms
    span_ms = np.diff(measured_at_ms, prepend=0)
    leading = first[count > 0]
    span_ms[leading] = batch.integers("lead_ms")[count > 0]
    # How far somebody came in a time that is not known by the second tells no pace.
    silence_from_ms = LATE_SPAN_MS if "power_w" in batch.uploads.column_names else MAX_SPAN_MS
    is_late = span_ms > MAX_SPAN_MS
    span_ms[is_late] = np.where(span_ms[is_late] > silence_from_ms, 0, MAX_SPAN_MS)
    return Instants(upload, first, count, measured_at_ms, span_ms)


def by_material(batch: Batch, values: Mapping[str, int], otherwise: int) -> Ints:
    """For each upload the value of its model."""
    encoded = batch.uploads.column("material").combine_chunks().dictionary_encode()
    own = np.array([values.get(name, otherwise) for name in encoded.dictionary.to_pylist()], dtype=np.int64)
    return own[encoded.indices.to_numpy()] if len(own) else np.empty(0, dtype=np.int64)


def highest(values: Floats, when: Instants) -> Floats:
    """Highest value of each upload; NaN without any (0 readings, or none with a value)."""
    top = np.full(len(when.count), np.nan)
    filled = np.flatnonzero(when.count)
    if len(filled):
        with np.errstate(invalid="ignore"):
            top[filled] = np.fmax.reduceat(values, when.first[filled])
    return top


def channel(batch: Batch, name: str, when: Instants) -> Floats:
    """One channel, one value per reading; NaN where the device has no such channel or no value. Not to be changed."""
    found = batch.known.get(("channel", name))
    if found is None:
        found = batch.known["channel", name] = _laid_out(batch, name, when)
    return found


def peak(batch: Batch, name: str, when: Instants) -> Floats:
    """Highest value of a channel in each upload; NaN where it has none. Not to be changed."""
    found = batch.known.get(("peak", name))
    if found is None:
        found = batch.known["peak", name] = highest(channel(batch, name, when), when)
    return found


def _laid_out(batch: Batch, name: str, when: Instants) -> Floats:
    lists = batch.uploads.column(name).combine_chunks()
    values = np.asarray(lists.flatten().to_numpy(zero_copy_only=False), dtype=np.float64)
    if lists.null_count == 0:
        return values
    present = np.asarray(pc.is_valid(lists).to_numpy(zero_copy_only=False), dtype=bool)[when.upload]
    spread = np.full(len(when.upload), np.nan)
    spread[present] = values
    return spread


def texts(batch: Batch, name: str, when: Instants) -> pa.Array:
    """A channel of texts, one per reading; null where the device has no such channel."""
    lists = batch.uploads.column(name).combine_chunks()
    if lists.null_count == len(lists):
        return pa.nulls(len(when.upload), pa.string())
    place = np.full(len(when.upload), -1)
    present = np.asarray(pc.is_valid(lists).to_numpy(zero_copy_only=False), dtype=bool)[when.upload]
    place[present] = np.arange(int(present.sum()))
    return lists.flatten().take(pa.array(place, mask=~present))


def nullable(values: Floats) -> pa.Array:
    """Floats as an Arrow column, NaN as null."""
    return pa.array(values, pa.float64(), mask=np.isnan(values))


def nullable_number(values: Ints) -> pa.Array:
    """Integers as an Arrow column, 0 as null: session numbers begin at 1."""
    return pa.array(values, pa.int64(), mask=values == 0)


def per_upload(values: Ints | Floats, when: Instants) -> Ints:
    """Sums of a value over the readings of each upload."""
    total = np.concatenate([[0], np.cumsum(values)])
    return np.asarray(total[when.first + when.count] - total[when.first], dtype=np.int64)
