"""The devices that the desk has met, a slot each. Pure."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from streams.names import UNKNOWN, NameIndex
from streams.store import Store
from streams.texts import Texts, padded

NAME_BYTES = 64
MET = np.dtype(
    [
        ("device_id", f"S{NAME_BYTES}"),
        ("material", f"S{NAME_BYTES}"),
        ("received_ms", "i8"),
        ("counted_m", "f8"),
        ("counted_at_ms", "i8"),
    ]
)
"""A device in the state: its name, its model, when Kafka took in its newest upload, and what the counter of its first
board had counted when; 0 for none so far."""

Ints = npt.NDArray[np.int64]


class Slots:
    """Slots of devices by name; one that is met for the first time takes a new one."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self._index = self._indexed()

    def of_column(self, device_id: pa.ChunkedArray) -> Ints:
        """The slot of each name of a column."""
        encoded = device_id.combine_chunks().dictionary_encode()
        if not len(encoded):
            return np.empty(0, dtype=np.int64)
        per_row: Ints = self._of(padded(encoded.dictionary, NAME_BYTES))[encoded.indices.to_numpy()]
        return per_row

    def of_names(self, names: pa.Array) -> Ints:
        """The slot of each of some names, all different."""
        return self._of(padded(names, NAME_BYTES))

    def of(self, device_id: str) -> int:
        """The slot of one name."""
        return int(self._of(np.array([device_id.encode()], dtype=f"S{NAME_BYTES}"))[0])

    def name(self, slot: int) -> str:
        """The device in a slot."""
        return str(self.store.values["device_id"][slot].decode())

    def heard(self, slot: Ints, receipts: pa.Table) -> None:
        """Note that uploads of devices were accepted: of which model, when, and what they had counted."""
        if not len(slot):
            return
        values = self.store.values
        encoded = receipts.column("material").combine_chunks().dictionary_encode()
        values["material"][slot] = padded(encoded.dictionary, NAME_BYTES)[encoded.indices.to_numpy()]
        sent_ms = np.asarray(receipts.column("sent_at_ms").to_numpy(), dtype=np.int64)
        np.maximum.at(values["received_ms"], slot, np.asarray(receipts.column("received_at_ms").to_numpy()))
        counted_m = np.asarray(pc.fill_null(receipts.column("lifetime_distance_m"), np.nan).to_numpy())
        is_first = np.asarray(pc.fill_null(receipts.column("board_no"), 0).to_numpy()) == 0
        counts = np.flatnonzero(is_first & (counted_m > np.nan_to_num(values["counted_m"][slot])))
        counts = counts[np.argsort(counted_m[counts], kind="stable")]
        values["counted_m"][slot[counts]] = counted_m[counts]  # of several of one device the highest comes last
        values["counted_at_ms"][slot[counts]] = sent_ms[counts]
        self.store.touch(slot)

    def material(self, slot: int) -> str:
        """Model of the device in a slot, as its newest upload says; empty before the first."""
        return str(self.store.values["material"][slot].decode())

    def forget(self, slots: Ints) -> None:
        """Give slots back; nothing else may speak of them any more."""
        self.store.free(slots)
        self._index = self._indexed()

    def _indexed(self) -> NameIndex:
        index = NameIndex(NAME_BYTES)
        index.add(self.store.rows(), self.store.values["device_id"])
        return index

    def _of(self, names: Texts) -> Ints:
        slots = self._index.find(names, self.store.values["device_id"])
        new = slots == UNKNOWN
        if new.any():
            slots[new] = rows = self.store.take(int(new.sum()))
            self.store.values["device_id"][rows] = names[new]
            self._index.add(rows, self.store.values["device_id"])
        return slots
