"""Lives of devices that count themselves, as receipts, and what their months should say, from a plain loop."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from random import Random
from typing import Any

import numpy as np
import pyarrow as pa

from schemas.desk import Completeness
from schemas.facts import Receipt
from schemas.forms import arrow_schema
from streams.desk.arrivals import Refused
from streams.desk.completeness import COMPLETENESS_STORES, CompletenessBook
from streams.desk.register import Register
from streams.frames import frame, read_frame
from streams.store import Store, from_frame, to_frame

DAY_MS = 86_400_000
FIRST_MS = int(datetime(2026, 6, 20, tzinfo=UTC).timestamp() * 1000)
LATER_MS = FIRST_MS + 20 * DAY_MS
NOBODYS: Register = Register()


@dataclass(frozen=True)
class Told:
    """An upload, as far as completeness is concerned. `amount`: Wh of its readings, or metres of its run so far."""

    device_id: str
    seq: int
    sent_at_ms: int
    counter: float | None
    amount: float | None
    session_ms: int | None = None
    board_no: int | None = 0
    received_at_ms: int = 0
    outcome: str = "accepted"

    @property
    def is_shoe(self) -> bool:
        return self.device_id.startswith("s")


def receipts(told: Sequence[Told]) -> pa.Table:
    """The receipts of those uploads."""
    rows = [
        {
            "topic": "t", "partition": 0, "offset": 0, "received_at_ms": one.received_at_ms or one.sent_at_ms,
            "device_id": one.device_id, "seq": one.seq, "outcome": one.outcome, "sent_at_ms": one.sent_at_ms,
            "material": "M-1", "firmware": "1.0.0", "session_started_at_ms": one.session_ms,
            "reading_count": 20, "board_no": one.board_no,
            **({"run_distance_m": one.amount, "lifetime_distance_m": one.counter} if one.is_shoe
               else {"energy_wh": one.amount, "lifetime_energy_wh": one.counter}),
        }
        for one in told
    ]  # fmt: skip
    return pa.Table.from_pylist(rows, schema=arrow_schema(Receipt))


class Books:
    """A completeness book whose devices are named, and that may be closed and opened again."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self._open({name: Store(dtype) for name, dtype in COMPLETENESS_STORES.items()})
        self._saved: dict[str, list[pa.Buffer | bytes]] = {name: [] for name in COMPLETENESS_STORES}
        self._checkpoint = 0

    def take(self, told: Sequence[Told], refused: Sequence[Refused] = ()) -> None:
        slots = np.array([self.slot(one.device_id) for one in told], dtype=np.int64)
        self.book.take(slots, receipts(told), refused, self.slot)

    def told(self, now_ms: int = LATER_MS, register: Register = NOBODYS, after_ms: int = 0) -> list[Completeness]:
        return self.book.told(now_ms, register, self.names.__getitem__, after_ms)

    def slot(self, device_id: str) -> int:
        if device_id not in self.names:
            self.names.append(device_id)
        return self.names.index(device_id)

    def reopen(self) -> None:
        """As after a restart: from what checkpoints have saved."""
        self._checkpoint += 1
        for name, store in self.stores.items():
            for part in (store.delta(self._checkpoint), store.page(self._checkpoint)):
                if part is not None:
                    self._saved[name].append(frame(to_frame(part)))
        stores = {}
        for name, dtype in COMPLETENESS_STORES.items():
            stores[name] = Store(dtype)
            stores[name].restore(from_frame(read_frame(bytes(saved)), dtype) for saved in self._saved[name])
        self._open(stores)

    def _open(self, stores: dict[str, Store]) -> None:
        self.stores = stores
        self.book = CompletenessBook(stores)


def a_life(rng: Random, device_id: str, uploads: int = 80) -> list[Told]:
    """All uploads of a device over the turn of a month: sessions, signs of life, now and then another board."""
    is_shoe = device_id.startswith("s")
    told: list[Told] = []
    counter, at_ms, board, seq = rng.uniform(0, 1e5), FIRST_MS, 0, rng.randrange(50)
    while len(told) < uploads:
        if rng.random() < 0.1:
            board, counter = board + 1, rng.choice([0.0, rng.uniform(0, 1e5)])
        session_ms, far = at_ms + 1, 0.0
        for _ in range(rng.choice([0, 1, 3, 8])):
            at_ms += rng.choice([60_000, 3_600_000])
            brought = round(rng.uniform(0.5, 100), 2)
            counter, far = counter + brought, far + brought
            amount = round(far, 2) if is_shoe else brought
            told.append(Told(device_id, seq, at_ms, round(counter, 3), amount, session_ms, board))
            seq += 1
        at_ms += rng.choice([3_600_000, 12 * 3_600_000])
        told.append(Told(device_id, seq, at_ms, round(counter, 3), None if is_shoe else 0.0, None, board))
        seq += 1
    return told


Figures = tuple[str, float, float, int, int]
"""Verdict, counted, arrived, missing numbers, boards."""


def expected(told: Sequence[Told], register: Register = NOBODYS) -> dict[tuple[str, date, int | None], Figures]:
    """What the months of some uploads should say, from a loop over them in the order of their numbers."""
    by_device: dict[str, dict[int, Told]] = defaultdict(dict)
    for one in told:
        by_device[one.device_id][one.seq] = one
    found: dict[tuple[str, date, int | None], Figures] = {}
    for device_id, uploads in by_device.items():
        sums: dict[tuple[str, date, int | None], dict[str, Any]] = {}
        before: Told | None = None
        for seq in sorted(uploads):
            one = uploads[seq]
            key = device_id, *_bucket(one, register)
            own = sums.setdefault(key, {"counted": 0.0, "arrived": 0.0, "numbers": 0, "boards": set(), "signs": set()})
            brought = one.amount or 0.0
            if one.is_shoe and before is not None and before.session_ms == one.session_ms and one.session_ms:
                brought -= before.amount or 0.0
            advance = brought
            if before is not None:
                own["numbers"] += seq - before.seq - 1
                if before.board_no != one.board_no:
                    own["signs"].add("swapped")
                else:
                    assert one.counter is not None
                    assert before.counter is not None
                    advance = one.counter - before.counter
                    if advance - brought > 0.03:
                        own["signs"].add("gap")
            own["counted"] += advance
            own["arrived"] += brought
            own["boards"].add(one.board_no)
            before = one
        for key, own in sums.items():
            verdict = next((sign for sign in ("gap", "swapped") if sign in own["signs"]), "complete")
            found[key] = verdict, own["counted"], own["arrived"], own["numbers"], len(own["boards"])
    return found


def newest(facts: Sequence[Completeness]) -> dict[tuple[str, date, int | None], Completeness]:
    """The newest version of each month, versions rising one by one."""
    known: dict[tuple[str, date, int | None], Completeness] = {}
    for fact in facts:
        key = fact.device_id, fact.month, fact.custody_from_ms
        assert fact.version == (known[key].version + 1 if key in known else 1)
        known[key] = fact
    return known


def assert_says(
    facts: Mapping[tuple[str, date, int | None], Completeness],
    figures: Mapping[tuple[str, date, int | None], Figures],
) -> None:
    """Assert that the months say what was expected; one that nothing is left of says zero."""
    for key, fact in facts.items():
        verdict, counted, arrived, numbers, boards = figures.get(key, ("complete", 0.0, 0.0, 0, 1))
        said = fact.verdict, fact.missing_uploads, fact.boards
        assert said == (verdict, numbers, boards), key
        assert abs(fact.counted - counted) < 0.01, key
        assert abs(fact.arrived - arrived) < 0.01, key
    assert figures.keys() <= facts.keys()


def _bucket(one: Told, register: Register) -> tuple[date, int | None]:
    day = one.sent_at_ms // DAY_MS
    custody = register.of(one.device_id).custody_at((day + 1) * DAY_MS - 1)
    month = datetime.fromtimestamp(day * 86_400, UTC).date().replace(day=1)
    return month, None if custody is None else custody.from_ms
