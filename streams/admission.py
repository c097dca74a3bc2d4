"""What an upload must obey beyond its shape: written under its own name, at a possible time. Pure."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow.compute as pc

from schemas.failures import FailedEvent, Reason
from streams.batch import Batch, Instants, Ints

AHEAD_MS = 86_400_000
"""How far a device's clock may be ahead of Kafka's: a day covers every time zone set wrong."""

STAGE = "streams"
KEPT_KEY_CHARACTERS = 1_000
"""Far more than any device's name has; a key may be as long as a record."""
SHOWN_CHARACTERS = 80
"""Of a key in a message: a key may be as long as a record."""


def wrongly_keyed(batch: Batch) -> npt.NDArray[np.bool_]:
    """Uploads whose Kafka key is not their device: one device writing as another."""
    same = pc.fill_null(pc.equal(batch.uploads.column("device_id").combine_chunks(), batch.key), False)
    return ~np.asarray(same.to_numpy(zero_copy_only=False), dtype=bool)


def from_the_future(batch: Batch, session_start: str, when: Instants) -> npt.NDArray[np.bool_]:
    """Uploads that speak of an instant more than `AHEAD_MS` after Kafka took them in.

    Args:
        session_start: Name of the field that holds the start of a session.
    """
    named = [batch.integers(name) for name in ("start_ms", "sent_at_ms", session_start)]
    latest: Ints = np.maximum.reduce([*named, when.last_measured_ms()])
    return latest > batch.received_at_ms + AHEAD_MS


def admitted(batch: Batch, session_start: str, when: Instants) -> tuple[Batch, list[FailedEvent]]:
    """The uploads under their own name and at a possible time, and the refusal of the others."""
    wrong_key, too_new = wrongly_keyed(batch), from_the_future(batch, session_start, when)
    failed = []
    for row in np.flatnonzero(wrong_key | too_new).tolist():
        if wrong_key[row]:
            device_id, key = batch.uploads.column("device_id")[row].as_py(), repr(batch.key[row].as_py())
            shown = key if len(key) <= SHOWN_CHARACTERS else key[:SHOWN_CHARACTERS] + "..."
            detail = f"device_id is {device_id!r}, the record's key is {shown}; both must be the same"
            failed.append(refused(batch, row, "wrong_key", detail))
        else:
            detail = f"speaks of an instant more than {AHEAD_MS} ms after it was received"
            failed.append(refused(batch, row, "time_out_of_bounds", detail))
    return (batch.take(~(wrong_key | too_new)) if failed else batch), failed


def kept_key(key: str | None) -> str | None:
    """What a failed event keeps of a record's key."""
    return key if key is None else key[:KEPT_KEY_CHARACTERS]


def refused(batch: Batch, row: int, reason: Reason, detail: str) -> FailedEvent:
    """The failed event of one upload of a batch."""
    return FailedEvent(
        topic=batch.place.topic,
        partition=batch.place.partition,
        offset=int(batch.offset[row]),
        received_at_ms=int(batch.received_at_ms[row]),
        device_id=kept_key(batch.key[row].as_py()),
        reason=reason,
        detail=detail,
        stage=STAGE,
        original=batch.original[row],
    )
