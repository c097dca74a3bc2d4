"""How far a running pipeline has come, asked again and again of systems that may be away for a while."""

from __future__ import annotations

import time

import duckdb

from vaxel.progress import Counts, Ends, Intake, desk_behind, lake_counts, lake_if_made, not_taken_in
from vaxel.settings import Addresses

RELAY_PATIENCE_S = 5.0
"""How long changes of the record systems may stay as many as they are until nobody waits for them: rows that cannot be
told as they are wait until somebody changes them."""
LONGEST_WAIT_S = 60.0
LOOK_EVERY_S = 0.2


class Gauge:
    """Looks at Kafka and the lake.

    Each look raises OutsideError where a system does not answer, and DecisionError where a person has to decide.
    """

    def __init__(self, addresses: Addresses) -> None:
        self._addresses = addresses
        self._intake = Intake(addresses.kafka)
        self._lake: duckdb.DuckDBPyConnection | None = None
        self._untold = 0
        self._untold_since_s = 0.0

    def ends(self) -> Ends:
        """What Kafka holds of telemetry by now."""
        return self._intake.ends()

    def waiting(self, ends: Ends) -> int:
        """Uploads below those ends that wait for a worker, as its group tells it: quickly, and not always true."""
        return self._intake.remaining(ends)

    def counts(self) -> Counts | None:
        """What the lake holds; None while there is none."""
        if self._lake is None:
            self._lake = lake_if_made(self._addresses)
        return lake_counts(self._lake) if self._lake is not None else None

    def behind(self, ends: Ends) -> int:
        """Uploads below those ends that are not taken in, or else partitions that wait for the desk or for the lake.

        Changes in the record systems count before all of them; not those that the relay cannot tell as they are.
        """
        from sinks.lake.lag import lag  # noqa: PLC0415

        found = self._addresses
        if self._news_of_records():
            return 1
        waiting = not_taken_in(found.kafka, ends) or desk_behind(found.kafka)
        return waiting or lag(found.kafka, found.catalog, found.lake_files)

    def wait_for_relay(self) -> None:
        """Return once the relay has told what record systems hold, or tells no more for a while."""
        give_up_s = time.monotonic() + LONGEST_WAIT_S
        while self._news_of_records() and time.monotonic() < give_up_s:
            time.sleep(LOOK_EVERY_S)

    def _news_of_records(self) -> bool:
        """Whether the relay still finds something to tell."""
        from sinks.records.outbox import waiting  # noqa: PLC0415

        count, now_s = waiting(self._addresses.records), time.monotonic()
        if count != self._untold:
            self._untold, self._untold_since_s = count, now_s
        return count > 0 and now_s - self._untold_since_s < RELAY_PATIENCE_S

    def forget(self) -> None:
        """Let go of the lake: after its catalogue was away, the connection is of no use."""
        if self._lake is not None:
            self._lake.close()
            self._lake = None

    def close(self) -> None:
        """Let go of everything."""
        self.forget()
        self._intake.close()
