"""What each device counted in each month, in each pair of hands, against what of it arrived. Pure.

A device's lifetime counter is a witness of its own: it advances whether uploads arrive or not. Upload numbers that came
are kept as spans (`completeness_spans`); what the counter did beyond what was told lies in the holes between them. What
is said in the end does not depend on the order in which uploads came: sums are of whole numbers.

A hole, and what is missing in it, belongs to the month of the upload after it. A day belongs to whoever has the device
at its end. For `KEPT_MS` a custody that is told late divides anew what came before; older days stay put.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from schemas.desk import Command, Completeness
from streams.desk.arrivals import Refused
from streams.desk.completeness_asks import ASK_AFTER_MS, Asks
from streams.desk.completeness_chains import Chains
from streams.desk.completeness_months import AMOUNTS, SUM, placed, refusals, sums, within_bounds
from streams.desk.completeness_refusals import REFUSAL, Refusals
from streams.desk.completeness_span_store import Spans
from streams.desk.completeness_spans import MM_PER_M, SPAN, UWH_PER_WH, runs
from streams.desk.completeness_sums import NOBODY, verdict, weigh
from streams.desk.register import Register
from streams.store import Records, Rows, Store

Ints = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]

DAY_MS = 86_400_000
KEPT_MS = 40 * DAY_MS
"""For how long spans that do not change are kept apart, by when Kafka took them in."""
MOST_SPANS = 2_000
"""Of a device; older ones are counted in their months for good."""
TOLD_FOR_MS = 100 * DAY_MS
"""For how long what was said of a month is remembered after its last upload came."""
TELL_AFTER_MS = 3_600_000
"""A change is told so long after it: uploads that were only overtaken have come by then."""

_SAID = ("counted", "arrived", "missing", "refused", "signs", "swaps")
MONTH = np.dtype(
    [
        *SUM.descr[:3],
        ("before", "i8"),
        ("is_shoe", "?"),
        ("version", "i8"),
        ("known_ms", "i8"),
        *((name, "i8") for name in _SAID),
        *((f"settled_{name}", "i8") for name in _SAID),
    ]
)
"""What was told last of a month (`version` 0: nothing), and what of it is settled: sums of spans that are no longer
kept."""
WAITING = np.dtype([("slot", "i8"), ("since_ms", "i8")])
"""A device of which something is to be told, and since when."""

COMPLETENESS_STORES: Mapping[str, np.dtype[np.void]] = {
    "completeness_spans": SPAN,
    "completeness_refusals": REFUSAL,
    "completeness_months": MONTH,
    "completeness_waiting": WAITING,
}


class CompletenessBook:
    """The books of the devices of one partition."""

    def __init__(self, stores: Mapping[str, Store]) -> None:
        """Args: stores: Of `COMPLETENESS_STORES`."""
        self._spans = Spans(stores["completeness_spans"])
        self._refusals = Refusals(stores["completeness_refusals"])
        self._months = Chains(stores["completeness_months"])
        self._waiting = stores["completeness_waiting"]
        rows = self._waiting.rows()
        self._waits = dict(zip(self._waiting.values["slot"][rows].tolist(), rows.tolist(), strict=True))
        self._asks = Asks(self._spans, self._refusals)

    def take(self, slot: Ints, receipts: pa.Table, refused: Sequence[Refused], slot_of: Callable[[str], int]) -> None:
        """Take in what came.

        Args:
            slot: Device of each receipt.
            receipts: Rows of `Receipt`; duplicates are passed over.
            slot_of: The slot of a device.
        """
        came = runs(slot, receipts)
        self._asks.watch(self._spans.add(came))
        changed, first = np.unique(came["slot"], return_index=True)
        self._wait(changed, came["received_ms"][first])
        fallen = self._refusals.add(refused, slot_of)
        if len(fallen):
            self._wait(fallen, np.full(len(fallen), max(one.received_at_ms for one in refused)))

    def learn(self, slots: Ints, now_ms: int) -> None:
        """Say that other custodies of these devices are known."""
        slots = np.unique(slots)
        counted = slots[(self._spans.chains.heads(slots) >= 0)]
        self._wait(counted, np.full(len(counted), now_ms))

    def forget(self, slots: Ints) -> None:
        """Forget devices: their slots are given back."""
        for chains in (self._spans.chains, self._months):
            chains.drop(chains.gather(slots))
        self._refusals.forget(self._refusals.of(slots))
        self._wait_no_more(slots)

    def told(
        self,
        now_ms: int,
        register: Register,
        device_name: Callable[[int], str],
        after_ms: int = TELL_AFTER_MS,
    ) -> list[Completeness]:
        """What is new since the last call, of devices that changed at least `after_ms` ago."""
        rows = self._waiting.rows()
        due = rows[self._waiting.values["since_ms"][rows] <= now_ms - after_ms]
        if not len(due):
            return []
        slots = np.sort(self._waiting.values["slot"][due])
        self._wait_no_more(slots)
        rows = self._spans.of(slots)
        spans = self._spans.store.values[rows]
        weighed = weigh(spans)
        place = placed(spans, lambda slot: register.of(device_name(slot)).custodies)
        refused_rows = self._refusals.of(slots)
        refused = refusals(spans, self._refusals.store.values[refused_rows])
        old = _foldable(spans, now_ms - KEPT_MS)
        settled = sums(spans, weighed, place, refused, old & ~spans["is_settled"])
        open_ = sums(spans, weighed, place, refused, ~old & ~spans["is_settled"])
        self._settle(rows, spans, old, settled, refused_rows)
        return list(self._news(slots, open_, now_ms, device_name))

    def commands(self, now_ms: int, device_name: Callable[[int], str], after_ms: int = ASK_AFTER_MS) -> list[Command]:
        """What to ask devices for again: numbers that have not come, that the device can still have, and that the
        stream would still take, where they were noticed to be missing at least `after_ms` ago."""
        return self._asks.commands(now_ms, device_name, after_ms)

    def _wait(self, slots: Ints, since_ms: Ints) -> None:
        """Something of these devices is to be told."""
        new = [
            (slot, since)
            for slot, since in zip(slots.tolist(), since_ms.tolist(), strict=True)
            if slot not in self._waits
        ]
        rows = self._waiting.take(len(new))
        for row, entry in zip(rows.tolist(), new, strict=True):
            self._waiting.values[row] = entry
            self._waits[entry[0]] = row

    def _wait_no_more(self, slots: Ints) -> None:
        self._waiting.free(
            np.array([self._waits.pop(slot) for slot in slots.tolist() if slot in self._waits], dtype=int)
        )

    def _settle(self, rows: Rows, spans: Records, old: Mask, settled: Records, refused_rows: Rows) -> None:
        """Count old spans in their months for good; each device's newest of them stays, to compare the next with."""
        if not old.any():
            return
        for part, row in zip(settled, self._rows_of(settled), strict=True):
            own = self._months.store.values[row : row + 1]
            for name in AMOUNTS:
                own[f"settled_{name}"] = within_bounds(int(own[f"settled_{name}"][0]) + int(part[name]))
            own["settled_signs"] |= part["signs"]
            own["known_ms"] = np.maximum(own["known_ms"], part["known_ms"])
        is_last = old.copy()
        is_last[:-1] &= ~(old[1:] & (spans["slot"][1:] == spans["slot"][:-1]))
        store = self._spans.store
        anchors = rows[is_last]
        store.values["is_settled"][anchors] = True
        store.values["noticed_ms"][anchors] = 0
        store.touch(anchors)
        self._spans.chains.drop(rows[old & ~is_last])
        reach = dict(zip(spans["slot"][is_last].tolist(), spans["next_seq"][is_last].tolist(), strict=True))
        own = self._refusals.store.values[refused_rows]
        gone = [seq < reach.get(slot, -1) for slot, seq in zip(own["slot"].tolist(), own["seq"].tolist(), strict=True)]
        self._refusals.forget(refused_rows[np.array(gone, dtype=bool)])

    def _rows_of(self, parts: Records) -> list[int]:
        """The row of each device, month and custody; new ones for new ones."""
        known = self._known_months(np.unique(parts["slot"]))
        found = []
        for part in parts:
            key = int(part["slot"]), int(part["month"]), int(part["custody_from_ms"])
            if key not in known:
                row = known[key] = int(self._months.append(np.array([key[0]]))[0])
                values = self._months.store.values
                values["month"][row], values["custody_from_ms"][row], values["is_shoe"][row] = *key[1:], part["is_shoe"]
            found.append(known[key])
        self._months.store.touch(np.array(found, dtype=np.int64))
        return found

    def _known_months(self, slots: Ints) -> dict[tuple[int, int, int], int]:
        rows, values = self._months.gather(slots), self._months.store.values
        names = ("slot", "month", "custody_from_ms")
        keys = zip(*(values[name][rows].tolist() for name in names), strict=True)
        return dict(zip(keys, rows.tolist(), strict=True))

    def _news(
        self, slots: Ints, open_: Records, now_ms: int, device_name: Callable[[int], str]
    ) -> Iterator[Completeness]:
        """Versions of what differs from what was told; a month that nothing is left of says so once more."""
        rows = self._rows_of(open_)
        own = dict(zip(rows, range(len(open_)), strict=True))
        values = self._months.store.values
        forgotten = []
        for _, row in sorted(self._known_months(slots).items()):
            month = values[row]
            part = open_[own[row]] if row in own else np.zeros((), dtype=SUM)
            if row not in own and month["known_ms"] < now_ms - TOLD_FOR_MS:
                forgotten.append(row)
                continue
            said = {name: within_bounds(int(part[name]) + int(month[f"settled_{name}"])) for name in AMOUNTS}
            said["signs"] = int(part["signs"]) | int(month["settled_signs"])
            month["known_ms"] = max(int(month["known_ms"]), int(part["known_ms"]))
            if month["version"] and all(int(month[name]) == value for name, value in said.items()):
                continue
            month["version"] += 1
            for name, value in said.items():
                month[name] = value
            self._months.store.touch(np.array([row]))
            yield _fact(month, device_name(int(month["slot"])))
        self._months.drop(np.array(forgotten, dtype=np.int64))


def _foldable(spans: Records, before_ms: int) -> Mask:
    """Spans that can be settled: unchanged since then, as are all before them of their device, or too many. Never the
    newest."""
    slot = spans["slot"]
    first = np.flatnonzero(np.append(True, np.diff(slot) != 0)[: len(slot)])
    counts = np.diff(np.append(first, len(slot)))
    place = np.arange(len(slot)) - np.repeat(first, counts)
    young = np.where(spans["received_ms"] < before_ms, np.iinfo(np.int64).max, place)
    oldest_young = np.minimum.reduceat(young, first) if len(first) else young
    until = np.maximum(np.minimum(oldest_young, counts - 1), counts - MOST_SPANS)
    old: Mask = place < np.repeat(until, counts)
    return old


def _fact(month: np.void, device_id: str) -> Completeness:
    is_shoe = bool(month["is_shoe"])
    per_unit = MM_PER_M if is_shoe else UWH_PER_WH
    counted, arrived = int(month["counted"]), int(month["arrived"])
    custody_from_ms = int(month["custody_from_ms"])
    years, months = divmod(int(month["month"]), 12)
    return Completeness(
        device_id=device_id,
        product="shoe" if is_shoe else "washer",
        month=date(1970 + years, months + 1, 1),
        custody_from_ms=None if custody_from_ms == NOBODY else custody_from_ms,
        version=int(month["version"]),
        verdict=verdict(int(month["signs"])),
        unit="m" if is_shoe else "Wh",
        counted=counted / per_unit,
        arrived=arrived / per_unit,
        missing=(counted - arrived) / per_unit,
        missing_uploads=int(month["missing"]),
        refused_uploads=int(month["refused"]),
        boards=int(month["swaps"]) + 1,
        known_at_ms=int(month["known_ms"]),
    )
