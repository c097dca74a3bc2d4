"""One step of a stream: uploads and what is remembered in, facts out. Pure; the same live, in backfill and what-if.

batch ─ admit ─┬─ failed events (wrong key, impossible time or figure)
               └─ compare ─┬─ failed events (firmware in another unit, counters that fall)
                           └─ dedupe ─┬─ failed events (late, number of another upload)
                                      ├─ receipts: accepted and duplicate
                                      └─ accepted ─┬─ readings
                                                   ├─ sessions that devices report
                                                   └─ sessions found in power curves
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from schemas.facts import Receipt
from schemas.failures import FailedEvent
from schemas.forms import arrow_schema
from streams.admission import Doubt, Told, admitted, refused, without
from streams.awaited import NO_SESSION_LATE, settle
from streams.batch import Batch, Floats, Instants, Ints, Outputs, instants, nullable_number
from streams.bodies import digests
from streams.consents import denied
from streams.counters import COUNTERS, NO_BOARD
from streams.dedupe import WINDOW, Deduped, Verdict
from streams.desk.register import EMPTY, Register
from streams.detected import Curves, add_curves
from streams.product import Product
from streams.quoting import quoted_number
from streams.reported import Parts, add_parts, announce
from streams.seams import join_uploads
from streams.state import State
from streams.store import Rows


def step(
    product: Product,
    state: State,
    batch: Batch,
    refused_before: Sequence[FailedEvent] = (),
    trusted: frozenset[tuple[str, str]] = frozenset(),
    register: Register = EMPTY,
) -> Outputs:
    """Everything the stream has to say of a batch; the state is changed in place.

    The result does not depend on how the input was cut into batches, except that versions of a session written in
    between may be missing.

    Args:
        refused_before: Records of the batch that are no uploads; they are among what is refused.
        trusted: Materials and firmware whose figures are right, however much they differ (`streams.cohorts`).
        register: What the record systems know of the devices of the partition.
    """
    _, start, _ = fields = product.upload.session_fields()
    state.received(batch.received_at_ms)
    when = instants(batch)
    batch, impossible = admitted(batch, fields, when, product.rules)
    when = instants(batch) if impossible else when
    if product.asks_consent:  # before the firmware is judged, which remembers extremes
        batch = replace(batch, denied=denied(register, batch, when))
    batch, slot, untrue = _true(product, state, batch, when, trusted)
    if untrue:
        when = instants(batch)
        if product.asks_consent:  # `without` leaves fewer readings, and no `denied`
            batch = replace(batch, denied=denied(register, batch, when))
    hopes = state.hopes(product.upload, [*refused_before, *impossible, *untrue])
    seq = batch.integers("seq")
    judged = state.devices.judge(slot, seq, batch.integers(start), batch.received_at_ms, digests(batch.original))
    holes = state.devices.holes(judged, slot, seq, batch.received_at_ms)
    is_curve = (batch.integers(start) == 0) & (when.count > 0) & product.detects
    label_ms = np.where(is_curve, NO_SESSION_LATE, batch.integers(start))
    settle(state.awaited, hopes, holes, slot, seq, label_ms, batch.offset, judged.verdict)
    accepted = judged.verdict == Verdict.ACCEPTED

    receipts = _receipts(product, batch, judged.verdict, when)
    sessions = tell_sessions(product, state, batch, slot, judged, when, register)
    readings = _readings(product, batch, when, accepted)
    failed = [*refused_before, *impossible, *untrue, *_unwanted(state, batch, slot, judged.verdict)]
    return Outputs(receipts, readings, sessions, failed)


def tell_sessions(
    product: Product, state: State, batch: Batch, slot: Ints, judged: Deduped, when: Instants, register: Register
) -> list[dict[str, object]]:
    """Versions of the sessions that accepted uploads change, by start; what backfill works out anew is this.

    Args:
        slot: Device of each upload in the state.
        judged: What dedup said of the batch.
    """
    _, start, _ = product.upload.session_fields()
    changed = [_reported(product, state, batch, slot, judged, when)]
    if product.detects:
        accepted = judged.verdict == Verdict.ACCEPTED
        curves = np.flatnonzero(accepted & (batch.integers(start) == 0) & (when.count > 0))
        changed.append(_detected(product, state, batch, slot, curves, when))
    return _facts(product, state, announce(state.sessions, np.concatenate(changed)), register)


def _true(
    product: Product, state: State, batch: Batch, when: Instants, trusted: frozenset[tuple[str, str]]
) -> tuple[Batch, Ints, list[FailedEvent]]:
    """Uploads, and their devices, whose firmware measures as its model does and whose lifetime counters do not fall."""
    slot = state.devices.slots(batch.uploads.column("device_id"))
    seq, board = batch.integers("seq"), batch.integers("board_no", NO_BOARD)
    risen = state.devices.growth(slot, seq, board, _floats(batch, product.main_counter))
    batch, held = without(batch, state.cohorts.judge(batch, when, slot, risen, trusted))
    if held:
        slot = state.devices.slots(batch.uploads.column("device_id"))
    counters, rounding = np.full((len(slot), COUNTERS), np.nan), np.zeros(COUNTERS)
    names = list(product.counters)
    for index, name in enumerate(names):
        counters[:, index], rounding[index] = _floats(batch, name), product.counters[name]
    counted = state.devices.count(slot, batch.integers("seq"), batch.integers("board_no", NO_BOARD), counters, rounding)

    def tell(row: int) -> Told:
        known, said = counted.against[row], counters[row]
        index = int(np.flatnonzero(said < known - rounding)[0])
        # What it was accepted with before stands in its receipts anyway; how it fell is told from all its digits.
        found, accepted = quoted_number(float(said[index])), f"{known[index]:.15g}"
        sentence = f"{names[index]} is {found} after {accepted}, and board_no does not tell of another board"
        return Told(sentence, names[index], found, f"{accepted} or more")

    fallen = counted.fallen
    batch, falling = without(batch, [Doubt(fallen, "counter_fell", tell)])
    return batch, slot[~fallen], held + falling


def _floats(batch: Batch, name: str) -> Floats:
    return np.asarray(batch.uploads.column(name).to_numpy(), dtype=np.float64)


def _unwanted(state: State, batch: Batch, slot: Ints, verdict: npt.NDArray[np.int8]) -> list[FailedEvent]:
    """Refusals of what came too late or under a number of another upload, in order of arrival."""
    return [
        _reused(batch, row) if verdict[row] == Verdict.ALTERED else _late(batch, row, state, int(slot[row]))
        for row in np.flatnonzero((verdict == Verdict.LATE) | (verdict == Verdict.ALTERED)).tolist()
    ]


def _reused(batch: Batch, row: int) -> FailedEvent:
    seq = batch.uploads.column("seq")[row].as_py()
    shown = quoted_number(seq)
    detail = f"seq {shown} was accepted before with another body; each upload needs a number of its own"
    return refused(batch, row, "number_reused", Told(detail, "seq", shown))


def _late(batch: Batch, row: int, state: State, slot: int) -> FailedEvent:
    newest = int(state.devices.store.values["newest"][slot])
    seq = batch.uploads.column("seq")[row].as_py()
    shown = quoted_number(seq)
    behind = f"seq {shown} is {quoted_number(newest - seq)} behind the device's newest {quoted_number(newest)}"
    detail = f"{behind}; up to {WINDOW - 1} can be told from a duplicate, and it is not known to be missing"
    return refused(batch, row, "late", Told(detail, "seq", shown, f"{quoted_number(newest - WINDOW + 1)} or more"))


def _receipts(product: Product, batch: Batch, verdict: npt.NDArray[np.int8], when: Instants) -> pa.Table:
    """Receipts of accepted uploads and duplicates, in order of arrival."""
    schema = arrow_schema(Receipt)
    rows = len(batch.offset)
    number, start, ended = product.upload.session_fields()
    known = {
        "topic": pa.repeat(batch.place.topic, rows),
        "partition": pa.repeat(batch.place.partition, rows),
        "offset": pa.array(batch.offset),
        "received_at_ms": pa.array(batch.received_at_ms),
        "outcome": pa.array(np.where(verdict == Verdict.ACCEPTED, "accepted", "duplicate").tolist(), pa.string()),
        "session_no": batch.uploads.column(number),
        "session_started_at_ms": batch.uploads.column(start),
        "session_ended": batch.uploads.column(ended),
        "reading_count": pa.array(when.count),
        "last_measured_at_ms": nullable_number(when.last_measured_ms()),
        "board_no": batch.uploads.column("board_no"),
        **{name: batch.uploads.column(name) for name in ("device_id", "seq", "sent_at_ms", "material", "firmware")},
        **product.lifetime_columns(batch, when),
    }
    table = pa.table([_column(known, field, rows) for field in schema], schema=schema)
    return table.filter(pa.array((verdict == Verdict.ACCEPTED) | (verdict == Verdict.DUPLICATE)))


def _readings(product: Product, batch: Batch, when: Instants, accepted: npt.NDArray[np.bool_]) -> pa.Table:
    """Readings of the accepted uploads."""
    schema = arrow_schema(product.reading)
    number, _, _ = product.upload.session_fields()
    upload = pa.array(when.upload)
    known = {
        "device_id": batch.uploads.column("device_id").combine_chunks().take(upload),
        "seq": pa.array(batch.integers("seq")[when.upload]),
        "session_no": nullable_number(batch.integers(number)[when.upload]),
        "measured_at_ms": pa.array(when.measured_at_ms),
        "span_ms": pa.array(when.span_ms),
        **product.reading_columns(batch, when),
    }
    table = pa.table([_column(known, field, len(when.upload)) for field in schema], schema=schema)
    return table if accepted.all() else table.filter(pa.array(accepted[when.upload]))


def _column(known: dict[str, pa.Array], field: pa.Field, rows: int) -> pa.Array:
    return known[field.name] if field.name in known else pa.nulls(rows, field.type)


def _reported(product: Product, state: State, batch: Batch, slot: Ints, judged: Deduped, when: Instants) -> Rows:
    """Add accepted uploads to the sessions they name; returns the rows that changed."""
    accepted = np.flatnonzero(judged.verdict == Verdict.ACCEPTED)
    number, start, ended = product.upload.session_fields()
    parts = Parts(
        slot=slot[accepted],
        started_ms=batch.integers(start)[accepted],
        left_ms=judged.left[accepted],
        overtaken=judged.overtaken[accepted],
        ended=batch.flags(ended)[accepted],
        session_no=batch.integers(number)[accepted],
        received_at_ms=batch.received_at_ms[accepted],
        readings=when.count[accepted],
        last_measured_ms=when.last_measured_ms()[accepted],
        material=_bytes(batch, "material")[accepted],
        firmware=_bytes(batch, "firmware")[accepted],
    )
    rows, changed = add_parts(state.sessions, state.index, parts, state.devices.store.values["newest"])
    within = accepted[parts.started_ms > 0]
    product.add_amounts(state.sessions, rows, within, batch, when)
    if product.joins:
        join_uploads(state.seams, state.sessions, rows, within, batch, when, product.thresholds.run)
    return changed


def _detected(product: Product, state: State, batch: Batch, slot: Ints, uploads: Ints, when: Instants) -> Rows:
    """Add power curves to what is found in them; returns the session rows that changed."""
    if not len(uploads):
        return uploads
    curves = Curves(uploads, slot[uploads], state.devices.store.values["newest"])
    return add_curves(state.pieces, state.sessions, state.index, curves, batch, when, product.thresholds.curve)


def _facts(product: Product, state: State, rows: Rows, register: Register) -> list[dict[str, object]]:
    """The newest version of each of the given sessions, as its contract writes it, in the order of their starts.

    Each says what changed since the version written before.
    """
    values = state.sessions.values
    rows = rows[np.argsort(values["started_ms"][rows], kind="stable")]
    names, devices = values.dtype.names or (), state.devices.store.values["device_id"]
    device_ids = [name.decode() for name in devices[values["slot"][rows]].tolist()]
    written = []
    for device_id, row in zip(device_ids, values[rows].tolist(), strict=True):
        known = dict(zip(names, row, strict=True))
        fact = product.fact(known, device_id, f"{device_id}:{known['label_ms']}", register.of(device_id))
        written.append({**fact, **_difference(product, known)})
    for told, now in (("told_readings", "readings"), ("told_end_ms", "ended_ms"), ("told_amount", product.amount)):
        values[told][rows] = values[now][rows]
    return written


def _difference(product: Product, known: Mapping[str, Any]) -> Mapping[str, object]:
    """What changed since the version written before; nothing is known of that in the first."""
    if not known["told_end_ms"]:
        return _FIRST
    return {
        "changed_readings": known["readings"] - known["told_readings"],
        "changed_end_ms": known["ended_ms"] - known["told_end_ms"],
        "changed_amount": (known[product.amount] - known["told_amount"]) / product.amounts_per_unit,
    }


_FIRST: Mapping[str, object] = {"changed_readings": None, "changed_end_ms": None, "changed_amount": None}


def _bytes(batch: Batch, name: str) -> npt.NDArray[np.bytes_]:
    encoded = batch.uploads.column(name).combine_chunks().dictionary_encode()
    if not len(encoded):
        return np.empty(0, dtype="S1")
    names: npt.NDArray[np.bytes_] = np.array([text.encode() for text in encoded.dictionary.to_pylist()])
    per_upload: npt.NDArray[np.bytes_] = names[encoded.indices.to_numpy()]
    return per_upload
