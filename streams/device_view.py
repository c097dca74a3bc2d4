"""What the state knows of one device, for people. Pure."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from streams.dedupe import NEVER, WINDOW
from streams.desk.register import NOTHING
from streams.product import Product
from streams.reported import fields
from streams.state import State
from streams.store import Records, Store


@dataclass(frozen=True)
class DeviceView:
    """One device in the state of a partition.

    Attributes:
        newest_seq: The highest upload number seen.
        seen_seq, unseen_seq: Which of the last 64 numbers up to it were seen and which not, ascending. One not seen is
            still accepted; further back everything is late.
        received_at_ms: When Kafka took its last upload in; None for one last seen before this was kept.
        session_started_ms: The session that its newest upload belongs to; None for none.
        sessions: Those that may still change, as their contract writes them, by start.
        pieces: How many pieces of its power curve are kept.
    """

    device_id: str
    newest_seq: int
    seen_seq: tuple[int, ...]
    unseen_seq: tuple[int, ...]
    received_at_ms: int | None
    session_started_ms: int | None
    sessions: list[dict[str, object]]
    pieces: int


def device_view(product: Product, state: State, device_id: str) -> DeviceView | None:
    """What is known of a device; None for one that the state does not hold."""
    slot = state.devices.slot(device_id)
    if slot is None or state.devices.store.values["newest"][slot] == NEVER:
        return None
    device = state.devices.store.values[slot]
    newest, window = int(device["newest"]), int(device["window"])
    reach = range(max(0, newest - WINDOW + 1), newest + 1)
    seen = tuple(number for number in reach if window >> (newest - number) & 1)

    own = _of(state.sessions, slot)
    own = own[np.argsort(own["started_ms"], kind="stable")]
    return DeviceView(
        device_id=device_id,
        newest_seq=newest,
        seen_seq=seen,
        unseen_seq=tuple(sorted(set(reach) - set(seen))),
        received_at_ms=int(device["received_ms"]) or None,
        session_started_ms=int(device["label"]) or None,
        sessions=[
            product.fact(fields(session), device_id, f"{device_id}:{session['label_ms']}", NOTHING) for session in own
        ],
        pieces=len(_of(state.pieces.store, slot)),
    )


def _of(store: Store, slot: int) -> Records:
    """A device's rows. Of the others no more is touched than their slot: a worker holds its step back meanwhile."""
    rows = np.flatnonzero(store.values["slot"] == slot)
    return store.values[rows[store.used[rows]]]
