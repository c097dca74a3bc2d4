"""What the desk remembers of the devices of one partition. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np

from streams.desk.advice import ADVICE_STORES, Adviser
from streams.desk.alerts import ALERT_STORES, AlertBook
from streams.desk.completeness import COMPLETENESS_STORES, CompletenessBook
from streams.desk.fleet_shift import SHIFT_STORES, FleetShift
from streams.desk.minutes import MINUTE_STORES, FleetMinutes
from streams.desk.slots import MET, Slots
from streams.desk.usage import USAGE_STORES, UsageBook
from streams.store import Rows, Slice, Store

STORES: Mapping[str, np.dtype[np.void]] = {
    "devices": MET,
    **USAGE_STORES,
    **ADVICE_STORES,
    **ALERT_STORES,
    **COMPLETENESS_STORES,
    **SHIFT_STORES,
    **MINUTE_STORES,
}
"""All stores by name, with the fields of their rows."""


class DeskState:
    """Devices met, and what each book of the desk keeps of them."""

    def __init__(self, partition: int, saved: Mapping[str, Iterable[Slice]] | None = None) -> None:
        self.partition = partition
        self.stores = {name: Store(dtype) for name, dtype in STORES.items()}
        for name, store in self.stores.items():
            store.restore((saved or {}).get(name, []))
        self.slots = Slots(self.stores["devices"])
        self.usage = UsageBook(self.stores)
        self.adviser = Adviser(self.stores)
        self.alerts = AlertBook(self.stores)
        self.completeness = CompletenessBook(self.stores)
        self.shift = FleetShift(self.stores)
        self.minutes = FleetMinutes(self.stores, partition)

    @property
    def newest_received_ms(self) -> int:
        """When Kafka took in the newest upload that the desk knows of; 0 before the first."""
        return int(self.stores["devices"].values["received_ms"].max())

    @property
    def newest_session_end_ms(self) -> int:
        """The newest end of a session that was taken in; 0 before the first. Sessions may lag behind receipts."""
        return int(self.stores["alert_devices"].values["ended_s"].max()) * 1000

    def tidy(self, forget_after_ms: int) -> int:
        """Forget what is settled, and devices not heard of for longer than that; returns how many. Now and then.

        Time is Kafka's: the newest upload of the partition is now.
        """
        self.usage.forget(self.newest_received_ms)
        received_ms = self.slots.store.values["received_ms"]
        slots = self.slots.store.rows()
        heard_ms = received_ms[slots]
        idle: Rows = slots[(heard_ms > 0) & (heard_ms < self.newest_received_ms - forget_after_ms)]
        if len(idle):
            self.usage.forget_devices(idle)
            self.completeness.forget(idle)
            self.minutes.forget(idle)
            for book in (self.adviser, self.alerts, self.shift):
                book.forget(idle.tolist())
            self.slots.forget(idle)
        return len(idle)
