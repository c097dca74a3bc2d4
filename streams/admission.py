"""What an upload must obey beyond its shape: its own name, a possible time, what such a device can measure. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow.compute as pc

from schemas.catalogue import LAUNCHED_MS, LONGEST_SESSION_MS
from schemas.failures import FailedEvent, Reason
from schemas.fields import EARLIEST_MS
from streams.batch import Batch, Instants, Ints, by_material
from streams.quoting import kept_key, quoted_instant, quoted_key

AHEAD_MS = 86_400_000
"""How far a device's clock may be ahead of Kafka's: a day covers every time zone set wrong."""

STAGE = "streams"

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Told:
    """A refusal in words: the whole sentence, and its parts where one field is at fault."""

    detail: str
    field: str | None = None
    found: str | None = None
    accepted: str | None = None


@dataclass(frozen=True)
class Doubt:
    """Uploads of a batch that must be refused for the same reason, and what to say of one of them."""

    rows: Mask
    reason: Reason
    tell: Callable[[int], Told]


Rules = Callable[[Batch, Instants], Iterator[Doubt]]
"""A product's own rules: what its devices cannot have measured."""


def admitted(
    batch: Batch, session_fields: tuple[str, str, str], when: Instants, rules: Rules
) -> tuple[Batch, list[FailedEvent]]:
    """The uploads that obey, and the refusal of the others, each for the first rule that it breaks."""
    _, session_start, _ = session_fields
    doubts = [_wrong_key(batch), *_impossible_times(batch, session_start, when), *rules(batch, when)]
    return without(batch, doubts)


def without(batch: Batch, doubts: Sequence[Doubt]) -> tuple[Batch, list[FailedEvent]]:
    """A batch without the uploads in doubt, and their refusals in order of arrival."""
    doubtful = np.zeros(len(batch.offset), dtype=bool)
    told: dict[int, FailedEvent] = {}
    for doubt in doubts:
        for row in np.flatnonzero(doubt.rows & ~doubtful).tolist():
            told[row] = refused(batch, row, doubt.reason, doubt.tell(row))
        doubtful |= doubt.rows
    failed = [told[row] for row in sorted(told)]
    return (batch.take(~doubtful) if failed else batch), failed


def _wrong_key(batch: Batch) -> Doubt:
    """Uploads whose Kafka key is not their device: one device writing as another."""
    same = pc.fill_null(pc.equal(batch.uploads.column("device_id").combine_chunks(), batch.key), False)

    def tell(row: int) -> Told:
        shown = quoted_key(batch.key[row].as_py())
        sentence = f"the record's key is not the device_id, but {shown}; both must be the same"
        return Told(sentence, "device_id", shown, "the record's key")

    return Doubt(~np.asarray(same.to_numpy(zero_copy_only=False), dtype=bool), "wrong_key", tell)


def _impossible_times(batch: Batch, session_start: str, when: Instants) -> Iterator[Doubt]:
    """Instants before the model was made or more than `AHEAD_MS` after Kafka took the upload in, and sessions that
    begin after their own readings or last longer than any does.

    Args:
        session_start: Name of the field that holds the start of a session.
    """
    start_ms, started_ms = batch.integers("start_ms"), batch.integers(session_start)
    last_ms = np.maximum(when.last_measured_ms(), start_ms)
    latest: Ints = np.maximum.reduce([last_ms, batch.integers("sent_at_ms"), started_ms])
    ahead = f"speaks of an instant more than {AHEAD_MS} ms after it was received"
    yield Doubt(latest > batch.received_at_ms + AHEAD_MS, "time_out_of_bounds", lambda _row: Told(ahead))

    made_ms = by_material(batch, LAUNCHED_MS, EARLIEST_MS)
    for name, instant_ms in (
        ("start_ms", start_ms),
        ("sent_at_ms", batch.integers("sent_at_ms")),
        (session_start, np.where(started_ms > 0, started_ms, last_ms)),
    ):
        yield Doubt(instant_ms < made_ms, "time_out_of_bounds", _earlier_than_made(name, instant_ms, made_ms))

    too_long = (started_ms > 0) & ((started_ms > last_ms) | (started_ms < last_ms - LONGEST_SESSION_MS))

    def tell(row: int) -> Told:
        found, last = quoted_instant(int(started_ms[row])), quoted_instant(int(last_ms[row]))
        sentence = (
            f"{session_start} is {found}, its last reading {last}; 0 to {LONGEST_SESSION_MS} ms between are accepted"
        )
        earliest = quoted_instant(int(last_ms[row]) - LONGEST_SESSION_MS)
        return Told(sentence, session_start, found, f"{earliest} to {last}")

    yield Doubt(too_long, "wrong_session", tell)


def _earlier_than_made(name: str, instant_ms: Ints, made_ms: Ints) -> Callable[[int], Told]:
    def tell(row: int) -> Told:
        found, accepted = quoted_instant(int(instant_ms[row])), f"{made_ms[row]} or later"
        return Told(f"{name} is {found}, before its model was made; accepted is {accepted}", name, found, accepted)

    return tell


def refused(batch: Batch, row: int, reason: Reason, told: Told) -> FailedEvent:
    """The failed event of one upload of a batch."""
    key, seq, material, firmware = batch.headings[row]
    return FailedEvent(
        topic=batch.place.topic,
        partition=batch.place.partition,
        offset=int(batch.offset[row]),
        received_at_ms=int(batch.received_at_ms[row]),
        device_id=kept_key(key),
        reason=reason,
        detail=told.detail,
        stage=STAGE,
        original=batch.original[row],
        field=told.field,
        found=told.found,
        accepted=told.accepted,
        seq=seq,
        material=material,
        firmware=firmware,
        repair=batch.repairs[row] if batch.repairs is not None else None,
    )
