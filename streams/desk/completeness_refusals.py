"""Upload numbers of devices that were refused, and what a counter that fell had done. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from enum import IntEnum
from types import MappingProxyType

import numpy as np
import numpy.typing as npt

from streams.desk.arrivals import Refused
from streams.desk.completeness_chains import Chains
from streams.store import Rows, Store

Ints = npt.NDArray[np.int64]

REFUSAL = np.dtype([("slot", "i8"), ("before", "i8"), ("seq", "i8"), ("received_ms", "i8"), ("fall", "i1")])

MOST_OF_A_DEVICE = 1_024
"""Of a device whose every upload is refused, later ones are not counted."""


class Fall(IntEnum):
    """What the counters of a refused upload had done."""

    NONE = 0
    RESET = 1
    ROLLOVER = 2
    UNEXPLAINED = 3


FRESH: Mapping[str, float] = MappingProxyType(
    {
        "lifetime_cycles": 2,
        "lifetime_energy_mwh": 5_000_000,
        "lifetime_water_l": 300,
        "lifetime_distance_m": 60_000,
        "lifetime_steps": 80_000,
    }
)
"""What counters say at most that began anew one session before, in their own units: a cotton cycle of a large machine,
a long run."""

_TOPS: Mapping[str, tuple[float, ...]] = MappingProxyType(
    {
        "lifetime_cycles": (2**16, 2**31, 2**32),
        "lifetime_energy_mwh": tuple(bits * unit for bits in (2**31, 2**32) for unit in (1, 1_000)),
        "lifetime_water_l": (2**31, 2**32),
        "lifetime_distance_m": tuple(bits * unit for bits in (2**31, 2**32) for unit in (0.01, 1)),
        "lifetime_steps": (2**31, 2**32),
    }
)
"""Where counters of 16, 31 or 32 bits end, in the contract's unit: machines count mWh or Wh, shoes cm or m."""


def fall_of(refused: Refused) -> Fall:
    """What happened to a counter that the stream refused since it fell.

    Rollover: it stood less than a session below a value at which such counters end. Reset: it is no
    higher than one that began anew a session ago may be. Else nothing explains it.
    """
    if refused.reason != "counter_fell":
        return Fall.NONE
    fresh = FRESH.get(refused.field or "")
    try:
        found, before = float(refused.found or ""), float((refused.accepted or "").split()[0])
    except (ValueError, IndexError):
        return Fall.UNEXPLAINED
    if fresh is None or found > fresh:
        return Fall.UNEXPLAINED
    tops = _TOPS[refused.field or ""]
    return Fall.ROLLOVER if any(top - fresh <= before <= top for top in tops) else Fall.RESET


class Refusals:
    """Refused numbers by device."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.chains = Chains(store)
        rows = store.rows()
        slots, seqs = store.values["slot"][rows].tolist(), store.values["seq"][rows].tolist()
        self._known = set(zip(slots, seqs, strict=True))
        self._times = Counter(slots)

    def add(self, refused: Sequence[Refused], slot_of: Callable[[str], int]) -> Ints:
        """Note what was refused under a readable number of its own device; returns the devices concerned."""
        changed = set()
        for one in refused:
            if one.seq is None or one.reason == "wrong_key":
                continue
            slot = slot_of(one.device_id)
            if (slot, one.seq) in self._known or self._times[slot] >= MOST_OF_A_DEVICE:
                continue
            row = self.chains.append(np.array([slot]))
            for name, value in (("seq", one.seq), ("received_ms", one.received_at_ms), ("fall", fall_of(one))):
                self.store.values[name][row] = value
            self._known.add((slot, one.seq))
            self._times[slot] += 1
            changed.add(slot)
        return np.array(sorted(changed), dtype=np.int64)

    def are_known(self, slot: int, first: int, end: int) -> Ints:
        """Those of the numbers [first, end) of a device that were refused, ascending."""
        if not self._times[slot]:
            return np.empty(0, dtype=np.int64)
        seqs: Ints = self.store.values["seq"][self.chains.gather(np.array([slot]))]
        return np.sort(seqs[(seqs >= first) & (seqs < end)])

    def of(self, slots: Ints) -> Rows:
        """Rows of these devices, by device and number."""
        rows = self.chains.gather(slots)
        values = self.store.values
        return rows[np.lexsort((values["seq"][rows], values["slot"][rows]))]

    def forget(self, rows: Rows) -> None:
        """Give rows back."""
        values = self.store.values
        slots = values["slot"][rows].tolist()
        self._known -= set(zip(slots, values["seq"][rows].tolist(), strict=True))
        self._times.subtract(slots)
        self.chains.drop(rows)
