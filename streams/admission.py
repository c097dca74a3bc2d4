"""What an upload must obey beyond its shape: written under its own name, at a possible time. Pure."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow.compute as pc

from schemas.failures import FailedEvent, Reason
from streams.batch import Batch, Instants

AHEAD_MS = 86_400_000
"""How far a device's clock may be ahead of Kafka's: a day covers every time zone set wrong."""

STAGE = "streams"


def wrongly_keyed(batch: Batch) -> npt.NDArray[np.bool_]:
    """Uploads whose Kafka key is not their device: one device writing as another."""
    same = pc.fill_null(pc.equal(batch.uploads.column("device_id").combine_chunks(), batch.key), False)
    return ~np.asarray(same.to_numpy(zero_copy_only=False), dtype=bool)


def from_the_future(batch: Batch, when: Instants) -> npt.NDArray[np.bool_]:
    """Uploads that speak of an instant more than `AHEAD_MS` after Kafka took them in."""
    latest = np.maximum(batch.integers("start_ms"), batch.integers("sent_at_ms"))
    np.maximum.at(latest, when.upload, when.measured_at_ms)
    return latest > batch.received_at_ms + AHEAD_MS


def refused(batch: Batch, row: int, reason: Reason, detail: str) -> FailedEvent:
    """The failed event of one upload of a batch."""
    return FailedEvent(
        topic=batch.place.topic,
        partition=batch.place.partition,
        offset=int(batch.offset[row]),
        received_at_ms=int(batch.received_at_ms[row]),
        device_id=batch.key[row].as_py(),
        reason=reason,
        detail=detail,
        stage=STAGE,
        original=batch.original[row],
    )
