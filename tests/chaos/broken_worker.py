"""A worker whose engine is broken in a named way: BREAK and then what `worker_process` takes."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import streams.checkpoint
import streams.devices
import streams.engine
import streams.group
from streams.batch import Outputs, Place
from streams.checkpoint import Partition, Run, Taken
from streams.crash_points import crash_point
from streams.dedupe import Deduped, Verdict, dedupe
from streams.ownership import COMMIT_TIMEOUT_S, owning_producer
from streams.settings import EngineSettings
from tests.integration.streams import worker_process

BETWEEN = "broken.between-position-and-outputs"


class PositionFirst(Partition):
    """Commits state and position in one transaction, and the outputs in another one after it."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._later: list[Outputs] = []
        self._one_at_a_time = threading.Lock()

    def apply(self, run: Run) -> Taken | None:
        with self._one_at_a_time:
            return super().apply(run)

    def commit(self) -> int | None:
        with self._one_at_a_time:
            position = super().commit()
            crash_point(BETWEEN)
            if self._later:
                self._producer.begin_transaction()
                for outputs in self._later:
                    super()._write(outputs)
                self._producer.commit_transaction(COMMIT_TIMEOUT_S)
                self._later.clear()
            return position

    def _write(self, outputs: Outputs) -> None:
        self._later.append(outputs)


def position_first() -> None:
    streams.engine.Partition = PositionFirst  # type: ignore[assignment, attr-defined]


def no_dedup() -> None:
    """Every upload is news."""

    def blind(*columns: Any) -> Deduped:
        judged = dedupe(*columns)
        judged.verdict[:] = Verdict.ACCEPTED
        return judged

    streams.devices.dedupe = blind  # type: ignore[assignment, attr-defined]


def no_fencing() -> None:
    """Each process writes under a transactional id of its own, so that Kafka cannot tell who came later.

    It does not look at its group either: librdkafka aborts a process that is frozen at a look (`streams.group`), and
    a zombie that is dead writes nothing.
    """

    def owning(settings: EngineSettings, place: Place) -> Any:
        return owning_producer(settings, Place(f"{place.topic}.{uuid4().hex}", place.partition))

    streams.checkpoint.owning_producer = owning  # type: ignore[attr-defined]
    streams.group.Group._described = lambda self: None  # type: ignore[method-assign]


BREAKS: dict[str, Callable[[], None]] = {
    "nothing": lambda: None,
    "position first": position_first,
    "no dedup": no_dedup,
    "no fencing": no_fencing,
}

if __name__ == "__main__":
    BREAKS[sys.argv[1]]()
    worker_process.main(*sys.argv[2:])
