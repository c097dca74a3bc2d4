"""The devices of a partition in the state: a slot each, with the memory that dedup needs. Pure."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from streams.bodies import Digests, altered, remember
from streams.counters import COUNTERS, SEEN, Counted, count, growth
from streams.dedupe import NEVER, WINDOW, Deduped, Verdict, dedupe
from streams.holes import Holes, holes
from streams.names import UNKNOWN, NameIndex
from streams.store import Store
from streams.texts import padded

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

NAME_BYTES = 64
DEVICE = np.dtype(
    [
        ("device_id", f"S{NAME_BYTES}"),
        ("newest", "i8"),
        ("window", "u8"),
        ("label", "i8"),
        ("received_ms", "i8"),
        ("board_no", "i8"),
        ("counters", "f8", (COUNTERS,)),
        ("bodies", "u2", (WINDOW,)),
        ("seen", SEEN),
        ("known_from", "i8"),
    ]
)
"""A device in the state: its name; for dedup its highest number, the window below it, that upload's label, and digests
of the bodies in the window; when Kafka took in the last upload of it, 0 where that is not known
(`streams.store.FIELDS_SINCE`); board and lifetime counters of its newest upload; what
the last one that came said; and the lowest number accepted, plus one, 0 where that is not known."""


class Devices:
    """Slots of devices by name."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self._index = self._indexed()

    def slots(self, device_id: pa.ChunkedArray) -> Ints:
        """The slot of each name, taking new slots for new names."""
        encoded = device_id.combine_chunks().dictionary_encode()
        names = padded(encoded.dictionary, NAME_BYTES)
        slots = self._index.find(names, self.store.values["device_id"])
        new = slots == UNKNOWN
        if new.any():
            slots[new] = rows = self.store.take(int(new.sum()))
            self.store.values["device_id"][rows] = names[new]
            self.store.values["newest"][rows] = NEVER
            self._index.add(rows, self.store.values["device_id"])
        per_upload: Ints = slots[encoded.indices.to_numpy()]
        return per_upload

    def slot(self, device_id: str) -> int | None:
        """The slot of one device; None for a name that is not known."""
        name = device_id.encode()
        if len(name) > NAME_BYTES:
            return None
        found = int(self._index.find(np.array([name], dtype=f"S{NAME_BYTES}"), self.store.values["device_id"])[0])
        return None if found == UNKNOWN else found

    def name(self, slot: int) -> str:
        """The device in a slot."""
        return str(self.store.values["device_id"][slot].decode())

    def growth(self, slot: Ints, seq: Ints, board: Ints, counter: Floats) -> Floats:
        """By how much a counter has risen since the device's upload before (`streams.counters.growth`)."""
        return growth(slot, seq, board, counter, self.store.values["seen"])

    def count(self, slot: Ints, seq: Ints, board: Ints, counters: Floats, rounding: Floats) -> Counted:
        """Which uploads of a batch have lifetime counters that fall; what the others say is remembered."""
        values = self.store.values
        counted = count(slot, seq, board, counters, rounding, values["newest"], values["board_no"], values["counters"])
        values["board_no"][counted.device] = counted.board
        values["counters"][counted.device] = counted.counters
        self.store.touch(counted.device)
        return counted

    def judge(self, slot: Ints, seq: Ints, label: Ints, received_at_ms: Ints, digest: Digests) -> Deduped:
        """Dedup of a batch, remembered. Each number counts once, and only again with the same body as a duplicate."""
        values = self.store.values
        judged = dedupe(slot, seq, label, values["newest"], values["window"], values["label"])
        ring = values["bodies"]
        judged.verdict[altered(slot, seq, digest, judged.verdict, ring)] = Verdict.ALTERED
        remember(slot, seq, digest, judged.verdict, ring)
        values["newest"][judged.device] = judged.newest
        values["window"][judged.device] = judged.window
        values["label"][judged.device] = judged.label
        np.maximum.at(values["received_ms"], slot, received_at_ms)
        self.store.touch(judged.device)
        return judged

    def holes(self, judged: Deduped, slot: Ints, seq: Ints, received_at_ms: Ints) -> Holes:
        """Numbers that never came and that dedup's window left behind in the batch just judged (`streams.holes`)."""
        known_from = self.store.values["known_from"]
        before, now = known_from[judged.device], judged.lowest
        # Of a device of before this was kept count of, nobody knows what came below its newest upload.
        lowest = np.where(before > 0, before - 1, np.where(judged.newest_before == NEVER, now, judged.newest_before))
        lowest = np.where((now != NEVER) & (now < lowest), now, lowest)
        known_from[judged.device] = lowest + 1
        return holes(judged, lowest, slot, seq, received_at_ms)

    def forget(self, slots: Ints) -> None:
        """Give slots back; nothing else may speak of them any more."""
        self.store.free(slots)
        self._index = self._indexed()

    def _indexed(self) -> NameIndex:
        index = NameIndex(NAME_BYTES)
        index.add(self.store.rows(), self.store.values["device_id"])
        return index
