"""Forgets devices that have been silent for long, so that a state does not grow for ever. Pure.

Time is when Kafka took uploads in: the newest of the partition is now. No clock, and no clock of a device.
"""

from __future__ import annotations

import numpy as np

from streams.awaited import Awaited
from streams.devices import Devices
from streams.pieces import Pieces
from streams.reported import SessionIndex
from streams.store import Rows, Store


def forget_idle(
    devices: Devices, sessions: Store, index: SessionIndex, pieces: Pieces, awaited: Awaited, forget_after_ms: int
) -> int:
    """Forget devices idle for longer than that, with all that is kept of them; returns how many.

    A device with an open session stays: its session could not be closed any more. One whose last upload came before
    this was kept count of (`streams.store.FIELDS_SINCE`) counts as seen with the newest upload.
    """
    slots = devices.store.rows()
    if not len(slots):
        return 0
    received_ms = devices.store.values["received_ms"]
    newest_ms = int(received_ms[slots].max())
    unknown = slots[received_ms[slots] == 0]
    received_ms[unknown] = newest_ms
    devices.store.touch(unknown)

    session_rows = sessions.rows()
    owner = sessions.values["slot"][session_rows]
    open_slots = owner[~sessions.values["closed"][session_rows]]
    idle: Rows = np.setdiff1d(slots[received_ms[slots] < newest_ms - forget_after_ms], open_slots)
    if not len(idle):
        return 0
    index.forget(session_rows[np.isin(owner, idle)])
    pieces.forget(idle)
    awaited.forget(idle.tolist())
    devices.forget(idle)
    return len(idle)
