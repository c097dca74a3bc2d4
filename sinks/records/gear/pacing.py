"""How many rows a record system bears now, by what was sent to it lately."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from sinks.records.gear import chunks, limiter
from sinks.records.gear.settling import Link
from sinks.records.gear.systems import System


@dataclass
class Pace:
    """The pace of one record system, as long as its connection alone writes into it.

    Attributes:
        is_patient: Wait for the rate of rows per second; else give up when it is used up.
    """

    link: Link
    system: System
    is_patient: bool
    _gone: set[datetime] = field(default_factory=set)

    def allowed(self) -> int:
        """Rows that may be sent now: what the rate leaves, a chunk at most; 0: none."""
        return min(self.system.chunk_rows, limiter.allowance(self.system.rows_per_s, *self._sent()))

    def wait(self) -> bool:
        """Waits until a row may be sent, a second at most; False: nobody waits for the rate."""
        sent, now = self._sent()
        wait_s = limiter.wait_s(self.system.rows_per_s, sent, now)
        is_put_back = wait_s > 1  # the clock, since something was sent: that may be a second ago, and no less
        if not self.is_patient and not is_put_back:
            return False
        self.link.clock.sleep(min(max(wait_s, 0.001), 1.0))
        if is_put_back:  # nobody else sends meanwhile
            self._gone.update(at for at, _ in sent if at > now)
        return True

    def _sent(self) -> tuple[list[tuple[datetime, int]], datetime]:
        now = self.link.clock.now()
        recently = chunks.recently_sent(self.link.connection, self.system.name, now)
        return [(at, rows) for at, rows in recently if at not in self._gone], now
