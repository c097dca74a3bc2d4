"""The devices of a partition in the state: a slot each, with the memory that dedup needs. Pure."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from streams.dedupe import NEVER, Deduped, dedupe
from streams.store import Store

Ints = npt.NDArray[np.int64]

DEVICE = np.dtype([("device_id", "S64"), ("newest", "i8"), ("window", "u8"), ("label", "i8")])
"""A device in the state: its name, and for dedup its highest number, the window below it, and that upload's label."""


class Devices:
    """Slots of devices by name."""

    def __init__(self, store: Store) -> None:
        self.store = store
        rows = store.rows()
        names = (name.decode() for name in store.values["device_id"][rows].tolist())
        self._slots: dict[str, int] = dict(zip(names, rows.tolist(), strict=True))

    def slots(self, device_id: pa.ChunkedArray) -> Ints:
        """The slot of each name, taking new slots for new names."""
        encoded = device_id.combine_chunks().dictionary_encode()
        names = encoded.dictionary.to_pylist()
        new = [name for name in names if name not in self._slots]
        if new:
            rows = self.store.take(len(new))
            self.store.values["device_id"][rows] = [name.encode() for name in new]
            self.store.values["newest"][rows] = NEVER
            self._slots.update(zip(new, rows.tolist(), strict=True))
        slots = np.array([self._slots[name] for name in names], dtype=np.int64)
        per_upload: Ints = slots[encoded.indices.to_numpy()]
        return per_upload

    def name(self, slot: int) -> str:
        """The device in a slot."""
        return str(self.store.values["device_id"][slot].decode())

    def judge(self, slot: Ints, seq: Ints, label: Ints) -> Deduped:
        """Dedup of a batch, remembered."""
        values = self.store.values
        judged = dedupe(slot, seq, label, values["newest"], values["window"], values["label"])
        values["newest"][judged.device] = judged.newest
        values["window"][judged.device] = judged.window
        values["label"][judged.device] = judged.label
        self.store.touch(judged.device)
        return judged
