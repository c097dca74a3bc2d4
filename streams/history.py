"""Sessions told anew from what the lake kept: the uploads that were accepted, and their readings. Pure.

`streams.step.tell_sessions` tells them, as it does live; here are only the batch that it is given and the judgement of
it. What was accepted stays accepted: limits, counters, firmware and consents were looked at when it came, and a reading
holds only what its wearer had agreed to. Uploads come in their order of arrival, so that what depends on it (which
firmware a session is told of, what came after its end) is as it was.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from schemas.evolution import canonical_schema
from streams.batch import Batch, Ints, Place, instants
from streams.consents import CONSENT_FIELDS
from streams.dedupe import Deduped, Verdict
from streams.desk.register import Register
from streams.product import Product
from streams.state import State
from streams.step import tell_sessions

Untellable = Literal["receipts_of_before", "readings_gone", "number_twice"]
"""Why a session cannot be told anew: receipts of before they said what it needs; readings that the lake does not hold
any more; a number that was accepted twice of one device."""

Session = dict[str, Any]
_SAYS_PHASES = "phase"


@dataclass(frozen=True)
class Past:
    """What the lake holds of some devices.

    Attributes:
        uploads: Accepted receipts by `Receipt`'s names, device by device, in order of arrival; `asked`: its readings
            are given; `is_twice`: another one was accepted under its number.
        readings: Channels and times of the readings asked for, in order of `upload` (index into `uploads`) and time.
    """

    uploads: pa.Table
    readings: pa.Table


@dataclass(frozen=True)
class Retold:
    """Sessions as they are told now.

    Attributes:
        sessions: The newest version of each, as its contract writes it, by start.
        untellable: By session id, those that cannot be told anew, and why. They may be in `sessions` too.
        untellable_curves: By device, why the cycles in its power curve cannot be.
    """

    sessions: list[Session]
    untellable: Mapping[str, Untellable]
    untellable_curves: Mapping[str, Untellable]


def retold(product: Product, past: Past, register: Register) -> Retold:
    """The sessions that these uploads tell.

    Args:
        register: What record systems know of the devices.
    """
    batch = batch_of(product, past)
    when = instants(batch)
    state = State(product)
    slot = state.devices.slots(batch.uploads.column("device_id"))
    judged = _judged(product, state, batch, slot)
    sessions = tell_sessions(product, state, batch, slot, judged, when, register)
    untellable: dict[str, Untellable] = {}
    curves: dict[str, Untellable] = {}
    for device_id, started_ms, reason in _faults(past, when.count):
        if started_ms is None:
            curves[device_id] = reason
        else:
            untellable[f"{device_id}:{started_ms}"] = reason
    return Retold(sessions, untellable, curves)


def _judged(product: Product, state: State, batch: Batch, slot: Ints) -> Deduped:
    """What closes which session. All are accepted: they were when they came, repaired or from beyond the window, too.

    Judged in the order of numbers, in which dedup is many times faster: a session is over in the end by the same
    uploads, and is known to be at that time or later.
    """
    _, start, _ = product.upload.session_fields()
    seq = batch.integers("seq")
    order = np.lexsort((seq, slot))
    unknown_bodies = np.zeros(len(slot), dtype=np.uint16)
    judged = state.devices.judge(
        slot[order], seq[order], batch.integers(start)[order], batch.received_at_ms[order], unknown_bodies
    )
    left = np.empty_like(judged.left)
    left[order] = judged.left
    accepted = np.full(len(slot), Verdict.ACCEPTED, dtype=np.int8)
    return replace(judged, verdict=accepted, overtaken=np.zeros(len(slot), dtype=bool), left=left)


def batch_of(product: Product, past: Past) -> Batch:
    """The uploads as a step takes them; what no session depends on is null."""
    uploads, rows = past.uploads, past.uploads.num_rows
    number, start, ended = product.upload.session_fields()
    counts = np.bincount(past.readings.column("upload").to_numpy(), minlength=rows)
    ends = np.concatenate([[0], np.cumsum(counts)])
    known = {name: uploads.column(name) for name in ("device_id", "seq", "sent_at_ms", "material", "firmware")}
    known |= {
        number: uploads.column("session_no"),
        start: uploads.column("session_started_at_ms"),
        ended: uploads.column("session_ended"),
        **{name: pa.repeat(True, rows) for name in CONSENT_FIELDS},
        **_times(past.readings, counts, ends),
        **{
            name: _lists(past.readings, name, ends) for name in past.readings.column_names if name in _channels(product)
        },
    }
    if product.detects:
        known |= {name: uploads.column(name) for name in ("programme", "alert")}
    schema = canonical_schema(product.versions)
    columns = [known[field.name] if field.name in known else pa.nulls(rows, field.type) for field in schema]
    return Batch(
        Place(product.telemetry, 0),
        pa.table([_cast(column, field.type) for column, field in zip(columns, schema, strict=True)], schema=schema),
        uploads.column("device_id").combine_chunks(),
        _integers(uploads, "offset"),
        _integers(uploads, "received_at_ms"),
        [b""] * rows,
    )


def channels_of(product: Product) -> tuple[str, ...]:
    """Channels of the product's readings that a session is told from."""
    return tuple(name for name in product.reading.model_fields if name in _channels(product))


def _channels(product: Product) -> frozenset[str]:
    return frozenset(field.name for field in canonical_schema(product.versions) if pa.types.is_list(field.type)) - {
        "offset_ms"
    }


def _times(readings: pa.Table, counts: Ints, ends: Ints) -> dict[str, pa.Array]:
    """Start, lead and offsets of each upload: the lead is the time that its first reading speaks for."""
    measured_ms, span_ms = _integers(readings, "measured_at_ms"), _integers(readings, "span_ms")
    filled = np.flatnonzero(counts)
    start_ms, lead_ms = np.zeros(len(counts), dtype=np.int64), np.zeros(len(counts), dtype=np.int64)
    start_ms[filled], lead_ms[filled] = measured_ms[ends[filled]], span_ms[ends[filled]]
    offset_ms = measured_ms - np.repeat(start_ms, counts)
    return {
        "start_ms": pa.array(start_ms),
        "lead_ms": pa.array(lead_ms),
        "offset_ms": pa.ListArray.from_arrays(pa.array(ends, pa.int32()), pa.array(offset_ms)),
    }


def _lists(readings: pa.Table, name: str, ends: Ints) -> pa.Array:
    """One channel as the uploads' lists. Of phases a list is null where there are none: words are never null in one."""
    values = readings.column(name).combine_chunks()
    offsets = pa.array(ends, pa.int32())
    if values.null_count == len(values):
        return pa.nulls(len(ends) - 1, pa.list_(values.type))
    if name != _SAYS_PHASES or values.null_count == 0:
        return pa.ListArray.from_arrays(offsets, values)
    known = np.concatenate([[0], np.cumsum(np.asarray(values.is_valid().to_numpy(zero_copy_only=False)))])[ends]
    is_none = np.append(np.diff(known) == 0, False)
    return pa.ListArray.from_arrays(pa.array(known, pa.int32(), mask=is_none), values.drop_null())


def _cast(column: pa.Array | pa.ChunkedArray, kind: pa.DataType) -> pa.Array | pa.ChunkedArray:
    return column if column.type == kind else column.cast(kind)


def _faults(past: Past, found: Ints) -> Iterator[tuple[str, int | None, Untellable]]:
    """Device, start of the session (None for a power curve) and reason of each upload that tells of nothing anew."""
    uploads = past.uploads
    asked, is_twice = (_flags(uploads, name) for name in ("asked", "is_twice"))
    of_before = np.asarray(uploads.column("session_ended").is_null().to_numpy(), dtype=bool)
    of_before &= np.asarray(uploads.column("session_started_at_ms").is_valid().to_numpy(), dtype=bool)
    gone = asked & ~is_twice & (_integers(uploads, "reading_count") != found)
    kinds: tuple[tuple[Untellable, npt.NDArray[np.bool_]], ...] = (
        ("receipts_of_before", of_before),
        ("readings_gone", gone),
        ("number_twice", is_twice),
    )
    for reason, mask in kinds:
        own = uploads.select(["device_id", "session_started_at_ms"]).filter(pa.array(mask))
        distinct = own.group_by(own.column_names).aggregate([])
        yield from (
            (device_id, started_ms, reason)
            for device_id, started_ms in zip(*(column.to_pylist() for column in distinct.columns), strict=True)
        )


def _flags(table: pa.Table, name: str) -> npt.NDArray[np.bool_]:
    return np.asarray(table.column(name).to_numpy(), dtype=bool)


def _integers(table: pa.Table, name: str) -> Ints:
    return np.asarray(pc.fill_null(table.column(name), 0).to_numpy(), dtype=np.int64)
