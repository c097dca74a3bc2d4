"""The devices that the desk has met, a slot each. Pure."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from streams.names import UNKNOWN, NameIndex
from streams.store import Store
from streams.texts import Texts, padded

NAME_BYTES = 64
MET = np.dtype([("device_id", f"S{NAME_BYTES}"), ("material", f"S{NAME_BYTES}"), ("received_ms", "i8")])
"""A device in the state: its name, its model and when Kafka took in its newest upload, 0 for none so far."""

Ints = npt.NDArray[np.int64]


class Slots:
    """Slots of devices by name; one that is met for the first time takes a new one."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self._index = NameIndex(NAME_BYTES)
        self._index.add(store.rows(), store.values["device_id"])

    def of_column(self, device_id: pa.ChunkedArray) -> Ints:
        """The slot of each name of a column."""
        encoded = device_id.combine_chunks().dictionary_encode()
        if not len(encoded):
            return np.empty(0, dtype=np.int64)
        per_row: Ints = self._of(padded(encoded.dictionary, NAME_BYTES))[encoded.indices.to_numpy()]
        return per_row

    def of(self, device_id: str) -> int:
        """The slot of one name."""
        return int(self._of(np.array([device_id.encode()], dtype=f"S{NAME_BYTES}"))[0])

    def name(self, slot: int) -> str:
        """The device in a slot."""
        return str(self.store.values["device_id"][slot].decode())

    def heard(self, slot: Ints, material: pa.ChunkedArray, received_at_ms: Ints) -> None:
        """Note that uploads of devices came: of which model, and when."""
        if not len(slot):
            return
        encoded = material.combine_chunks().dictionary_encode()
        self.store.values["material"][slot] = padded(encoded.dictionary, NAME_BYTES)[encoded.indices.to_numpy()]
        np.maximum.at(self.store.values["received_ms"], slot, received_at_ms)
        self.store.touch(slot)

    def material(self, slot: int) -> str:
        """Model of the device in a slot, as its newest upload says; empty before the first."""
        return str(self.store.values["material"][slot].decode())

    def _of(self, names: Texts) -> Ints:
        slots = self._index.find(names, self.store.values["device_id"])
        new = slots == UNKNOWN
        if new.any():
            slots[new] = rows = self.store.take(int(new.sum()))
            self.store.values["device_id"][rows] = names[new]
            self._index.add(rows, self.store.values["device_id"])
        return slots
