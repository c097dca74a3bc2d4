"""What the stream of one partition remembers. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import pyarrow as pa

from schemas.failures import FailedEvent
from schemas.uploads import Upload
from streams.awaited import AWAITED, AWAITED_MS, Awaited, Hope, session_of
from streams.batch import Ints
from streams.cohorts import COHORT, Cohorts
from streams.detected import forget_settled
from streams.devices import DEVICE, Devices
from streams.idle import forget_idle
from streams.pieces import STORED_PIECE, Pieces
from streams.product import Product
from streams.reported import SessionIndex, beyond_reach
from streams.seams import SEAM, Seams
from streams.store import Slice, Store


class State:
    """What the stream of one partition remembers.

    Devices, live sessions, pieces of power curves, numbers that may still come repaired, what each firmware measures.
    """

    def __init__(self, product: Product, saved: Mapping[str, Iterable[Slice]] | None = None) -> None:
        self.stores = {
            "devices": Store(DEVICE),
            "sessions": Store(product.session_dtype),
            "pieces": Store(STORED_PIECE),
            "awaited": Store(AWAITED),
            "cohorts": Store(COHORT),
            "seams": Store(SEAM),
        }
        for name, store in self.stores.items():
            store.restore((saved or {}).get(name, []))
        self.devices = Devices(self.stores["devices"])
        self.sessions = self.stores["sessions"]
        self.index = SessionIndex(self.sessions)
        self.pieces = Pieces(self.stores["pieces"])
        self.awaited = Awaited(self.stores["awaited"])
        self.cohorts = Cohorts(self.stores["cohorts"], product.measures)
        self.seams = Seams(self.stores["seams"])
        self._newest_received_ms = 0

    def tidy(self) -> None:
        """Forget what no upload can change any more. Before each checkpoint."""
        newest = self.devices.store.values["newest"]
        self.awaited.expire(self._newest_received_ms - AWAITED_MS)
        gone = beyond_reach(self.sessions, newest, self.awaited.lowest_holes(len(newest)))
        if len(self.awaited):
            gone = gone[~self.awaited.still_wanted(self.sessions, gone)]
        self.index.forget(gone)
        forget_settled(self.pieces, self.sessions, self.index, newest)
        self.seams.tidy(self.sessions)

    def forget_idle(self, forget_after_ms: int) -> int:
        """Forget devices that have been silent for longer than that; returns how many. Before a checkpoint."""
        count = forget_idle(self.devices, self.sessions, self.index, self.pieces, self.awaited, forget_after_ms)
        self.seams.tidy(self.sessions)
        return count

    def received(self, received_at_ms: Ints) -> None:
        """Note when uploads came: how long ago others were refused is told by it."""
        if len(received_at_ms):
            self._newest_received_ms = max(self._newest_received_ms, int(received_at_ms.max()))

    def hopes(self, model: type[Upload], failed: Sequence[FailedEvent]) -> list[Hope]:
        """Refused uploads of a batch that a repair may bring back. Before dedup of the batch."""
        labels = [session_of(event, model) for event in failed]
        known = [(event, label) for event, label in zip(failed, labels, strict=True) if label is not None]
        if not known:
            return []
        slot = self.devices.slots(pa.chunked_array([pa.array([event.device_id for event, _ in known])]))
        received_ms = np.array([event.received_at_ms for event, _ in known])
        devices = self.devices.store.values
        np.maximum.at(devices["received_ms"], slot, received_ms)
        self.devices.store.touch(slot)
        newest, window = devices["newest"][slot].tolist(), devices["window"][slot].tolist()
        return [
            Hope(own, event.seq or 0, label, event.received_at_ms, event.offset, top, bits)
            for own, (event, label), top, bits in zip(slot.tolist(), known, newest, window, strict=True)
        ]
