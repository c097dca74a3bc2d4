"""Where devices stood, looked up once for as long as it holds. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from streams.desk.register import Known

Ints = npt.NDArray[np.int64]

UNKNOWN = -1
_EVER = np.iinfo(np.int64).max
_HELD = np.dtype([("place", "i8"), ("from_ms", "i8"), ("to_ms", "i8")])


@dataclass(frozen=True)
class Stand:
    """A model, and where a device of it stood in [from_ms, to_ms); None is without an end."""

    material: str | None
    country: str | None
    from_ms: int | None
    to_ms: int | None


def stand_at(known: Known, material: str | None, at_ms: int) -> Stand:
    """Where a device stood at an instant, and for how long before and after."""
    own = known.custody_at(at_ms)
    if own is not None:
        return Stand(material, own.country, own.from_ms, own.to_ms)
    ended_ms = [past.to_ms for past in known.custodies if past.to_ms is not None and past.to_ms <= at_ms]
    begins_ms = [later.from_ms for later in known.custodies if later.from_ms > at_ms]
    return Stand(material, None, max(ended_ms, default=None), min(begins_ms, default=None))


class Stands:
    """The place of each slot, as a number, for the time in which it was looked up. Not state: it is found again."""

    def __init__(self) -> None:
        self._held = np.zeros(0, dtype=_HELD)

    def places(
        self, slot: Ints, at_ms: Ints, stand_of: Callable[[int, int], Stand], number: Callable[[Stand], int]
    ) -> Ints:
        """The place of each slot at an instant.

        Args:
            stand_of: Asked once for each slot, and again where what it said does not hold.
            number: Number of a place.
        """
        if len(slot) and slot.max() >= len(self._held):
            held = np.zeros(max(2 * len(self._held), int(slot.max()) + 1), dtype=_HELD)
            held[: len(self._held)] = self._held
            self._held = held
        found = np.full(len(slot), UNKNOWN, dtype=np.int64)
        open_ = np.arange(len(slot))
        while len(open_):
            held = self._held[slot[open_]]
            holds = (held["from_ms"] <= at_ms[open_]) & (at_ms[open_] < held["to_ms"])
            found[open_[holds]] = held["place"][holds]
            open_ = open_[~holds]
            asked = open_[np.unique(slot[open_], return_index=True)[1]]
            for entry in asked.tolist():
                stand = stand_of(int(slot[entry]), int(at_ms[entry]))
                found[entry] = place = number(stand)
                if place == UNKNOWN:  # its model may be heard of in a moment
                    continue
                to_ms = _EVER if stand.to_ms is None else stand.to_ms
                self._held[int(slot[entry])] = (place, -_EVER if stand.from_ms is None else stand.from_ms, to_ms)
            open_ = np.setdiff1d(open_, asked, assume_unique=True)
        return found

    def forget(self, slots: Ints) -> None:
        """What was looked up of these slots may hold no more."""
        self._held[slots[slots < len(self._held)]] = np.zeros((), dtype=_HELD)
