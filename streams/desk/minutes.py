"""What each model did in each country in each minute of event time. Pure.

A reading belongs to the minute of its own clock, a late one too: it corrects the old minute; the newest version counts.
A minute is settled, and forgotten, once it was told and lies two days before the newest one. Later readings of it are
only counted (`late_readings`), as are those of devices whose model nobody knows. Where a device stood is as of the
first reading of each upload, by what the register knew when it came; a minute that was told is not moved to another
country afterwards.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, get_args

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from schemas.desk import FleetMinute
from schemas.fleet import Product
from schemas.forms import arrow_schema
from streams.desk.minutes_seen import SEEN_DEVICE, SeenMinutes
from streams.desk.minutes_stands import UNKNOWN, Stand, Stands
from streams.keyed import KeyedRows
from streams.store import Rows, Store
from streams.texts import trimmed

MINUTE_MS = 60_000
SETTLED_AFTER = 2 * 24 * 60
"""Minutes behind the newest one."""

MINUTE = np.dtype(
    [
        ("minute", "i8"),
        ("place", "i8"),
        ("devices", "i8"),
        ("readings", "i8"),
        ("energy_uwh", "i8"),
        ("version", "i8"),
        ("known_at_ms", "i8"),
        ("is_news", "?"),
    ]
)
"""A minute of a place in the state."""
PLACE = np.dtype([("product", "S8"), ("material", "S64"), ("country", "S2")])
"""A model in a country."""
CLOCK = np.dtype([("newest", "i8"), ("settled", "i8"), ("late_readings", "i8")])
"""A row a product: the newest minute, the newest settled one, and how many readings came too late for theirs. Each has
its own, since one product's readings may be taken in long before the other's."""
PRODUCTS: tuple[Product, ...] = get_args(Product)

MINUTE_STORES: Mapping[str, np.dtype[np.void]] = {
    "minutes": MINUTE,
    "minute_places": PLACE,
    "minute_devices": SEEN_DEVICE,
    "minute_clock": CLOCK,
}

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


class FleetMinutes:
    """The minutes of the devices of one partition."""

    def __init__(self, stores: Mapping[str, Store], partition: int) -> None:
        """Over the stores of `MINUTE_STORES`."""
        self._partition = partition
        self._minutes = KeyedRows(stores["minutes"], "minute", "place")
        self._places = stores["minute_places"]
        self._numbers = {self._places.values[row].item(): row for row in self._places.rows().tolist()}
        self._seen = SeenMinutes(stores["minute_devices"])
        self._clock = stores["minute_clock"]
        if not len(self._clock):
            self._clock.take(len(PRODUCTS))
        self._stands = Stands()

    @property
    def late_readings(self) -> int:
        """Readings that are in no minute: theirs was settled, or nobody knows the model."""
        return int(self._clock.values["late_readings"].sum())

    def add(
        self,
        product: Product,
        readings: pa.Table,
        slots_of: Callable[[pa.Array], Ints],
        stand_of: Callable[[int, int], Stand],
        known_at_ms: int,
    ) -> None:
        """Add readings to their minutes.

        Args:
            readings: Rows of `WasherReading` or `ShoeReading`; those of an upload lie together, in the order of time.
            slots_of: The slot of each of some device ids, all different.
            stand_of: Model and country of the device in a slot at an instant (`minutes_stands.stand_at`).
            known_at_ms: When the newest of them came.
        """
        if not readings.num_rows:
            return

        def number(stand: Stand) -> int:
            return self._number(product, stand)

        entries = _entries(readings, slots_of, lambda slot, at_ms: self._stands.places(slot, at_ms, stand_of, number))
        row = PRODUCTS.index(product)
        clock = self._clock.values[row]
        self._clock.touch(np.array([row]))
        clock["newest"] = max(int(clock["newest"]), int(entries.minute.max()))
        kept = (entries.place != UNKNOWN) & (entries.minute > clock["settled"])
        clock["late_readings"] += entries.count[~kept].sum()
        if not kept.any():
            return
        minute, place = entries.minute[kept], entries.place[kept]
        counts = self._seen.count(entries.slot[kept], minute, entries.follows[kept])
        energy_uwh = np.rint(entries.energy_wh[kept] * 1e6)
        first, width = int(minute.min()), int(place.max()) + 1
        cells, where = _distinct((minute - first) * width + place)
        rows = self._minutes.rows(cells // width + first, cells % width)
        values = self._minutes.store.values
        for name, added in (("devices", counts), ("readings", entries.count[kept]), ("energy_uwh", energy_uwh)):
            values[name][rows] += np.bincount(where, added, len(cells)).astype(np.int64)
        values["known_at_ms"][rows] = np.maximum(values["known_at_ms"][rows], known_at_ms)
        values["is_news"][rows] = True

    def told(self) -> pa.Table:
        """Rows of `FleetMinute` that changed since they were told last; settled minutes are forgotten."""
        store = self._minutes.store
        rows = store.rows()
        news = rows[store.values["is_news"][rows]]
        store.values["version"][news] += 1
        store.values["is_news"][news] = False
        store.touch(news)
        table = self._table(news)
        clock = self._clock.values[: len(PRODUCTS)]
        clock["settled"] = np.maximum(clock["settled"], clock["newest"] - SETTLED_AFTER)
        self._clock.touch(np.arange(len(PRODUCTS)))
        product = self._places.values["product"][store.values["place"][rows]]
        settled = np.select([product == name.encode() for name in PRODUCTS], clock["settled"].tolist())
        self._minutes.forget(rows[store.values["minute"][rows] <= settled].tolist())
        return table

    def moved(self, slots: Ints) -> None:
        """The register has learned something of these devices: where they stand is looked up anew."""
        self._stands.forget(slots)

    def forget(self, slots: Ints) -> None:
        """Forget devices whose slots are given back."""
        self._seen.forget(slots)
        self._stands.forget(slots)

    def _number(self, product: Product, stand: Stand) -> int:
        """The number of a model in a country; `UNKNOWN` where nobody knows the model."""
        if stand.material is None:
            return UNKNOWN
        key = (product.encode(), stand.material.encode(), (stand.country or "").encode())
        row = self._numbers.get(key)
        if row is None:
            row = self._numbers[key] = int(self._places.take(1)[0])
            self._places.values[row] = key
        return row

    def _table(self, rows: Rows) -> pa.Table:
        values = self._minutes.store.values[rows]
        place = self._places.values[values["place"]]
        columns: dict[str, Any] = {
            **{name: values[name] for name in ("version", "readings", "known_at_ms")},
            # Where it is not known for certain, it is never more than there were; one there was.
            "devices": np.maximum(values["devices"], 1),
            **{name: trimmed(place[name]).view(pa.string()) for name in ("product", "material")},
            "minute_at_ms": values["minute"] * MINUTE_MS,
            "partition": np.full(len(rows), self._partition),
            "country": pa.array([name.decode() or None for name in place["country"].tolist()], pa.string()),
            "energy_wh": pa.array(values["energy_uwh"] / 1e6, mask=place["product"] != b"washer"),
        }
        schema = arrow_schema(FleetMinute)
        return pa.table({name: columns[name] for name in schema.names}, schema=schema)


@dataclass(frozen=True)
class _Entries:
    """Readings of one upload in one minute.

    Attributes:
        follows: Whether the span of the first one begins in the same minute: there was a reading before it.
    """

    slot: Ints
    place: Ints
    minute: Ints
    follows: npt.NDArray[np.bool_]
    count: Ints
    energy_wh: Floats


def _entries(
    readings: pa.Table, slots_of: Callable[[pa.Array], Ints], places_of: Callable[[Ints, Ints], Ints]
) -> _Entries:
    measured_ms, seq = _numbers(readings, "measured_at_ms"), _numbers(readings, "seq")
    device_id = readings.column("device_id").combine_chunks()
    uploads = np.ones(len(seq), dtype=bool)
    uploads[1:] = np.diff(seq) != 0
    uploads[1:] |= pc.not_equal(device_id[1:], device_id[:-1]).to_numpy(zero_copy_only=False)
    minutes = measured_ms // MINUTE_MS
    begins = uploads.copy()
    begins[1:] |= np.diff(minutes) != 0
    first = np.flatnonzero(begins)
    names = device_id.take(pa.array(np.flatnonzero(uploads))).dictionary_encode()
    slot = slots_of(names.dictionary)[names.indices.to_numpy()]
    upload = np.cumsum(uploads)[first] - 1
    energy_wh = np.zeros(len(first))
    if "energy_wh" in readings.column_names:
        energy_wh = np.add.reduceat(readings.column("energy_wh").to_numpy(), first)
    return _Entries(
        slot=slot[upload],
        place=places_of(slot, measured_ms[uploads])[upload],
        minute=minutes[first],
        follows=(measured_ms[first] - _numbers(readings, "span_ms")[first]) // MINUTE_MS == minutes[first],
        count=np.diff(first, append=len(begins)),
        energy_wh=energy_wh,
    )


def _distinct(values: Ints) -> tuple[Ints, Ints]:
    """The distinct ones of whole numbers from 0 on, ascending, and which of them each is."""
    most = int(values.max()) + 1
    if most > 8 * len(values) + 1024:
        found, where = np.unique(values, return_inverse=True)
        return found, where
    is_there = np.zeros(most, dtype=bool)
    is_there[values] = True
    return np.flatnonzero(is_there), (np.cumsum(is_there) - 1)[values]


def _numbers(readings: pa.Table, name: str) -> Ints:
    return np.asarray(readings.column(name).to_numpy(), dtype=np.int64)
