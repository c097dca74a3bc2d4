"""Which records of a load Kafka acknowledged, and at which offsets, at the price of one number a record.

An idempotent producer keeps the order within a partition. So the n-th offset that a partition acknowledges belongs to
the n-th record that was handed over for it, those left out that were reported as failed.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa

from producers.load_truth import record_rows
from producers.load_uploads import Volley

Report = Callable[[Any, Any], None]
"""Takes confluent_kafka's error or None, and its message."""

_NO_OFFSET = "acknowledged, but not at which offset"


@dataclass
class _Partition:
    waiting: deque[Volley] = field(default_factory=deque)
    offsets: list[int] = field(default_factory=list)
    failed: set[tuple[str, int]] = field(default_factory=set)


class Acknowledged:
    """Records that wait for their offsets, and those that have them."""

    def __init__(self) -> None:
        self.errors: list[str] = []
        self._partitions: dict[tuple[str, int], _Partition] = {}
        self._count = 0

    @property
    def count(self) -> int:
        """Records acknowledged so far."""
        return self._count + sum(len(partition.offsets) for partition in self._partitions.values())

    def hand_over(self, topic: str, partition: int, volley: Volley) -> None:
        """Note uploads in the order in which that partition's producer has them."""
        self._at(topic, partition).waiting.append(volley)

    def report(self, topic: str, partition: int) -> Report:
        """What has to be called with every delivery report of that partition."""
        at = self._at(topic, partition)
        acknowledge = at.offsets.append

        def reported(error: Any, message: Any) -> None:
            if error is None and (offset := message.offset()) >= 0:
                acknowledge(offset)
            else:
                self.errors.append(_NO_OFFSET if error is None else error.str())
                upload = json.loads(message.value())
                at.failed.add((upload["device_id"], upload["seq"]))

        return reported

    def rows(self) -> Iterator[pa.Table]:
        """Records that were acknowledged since the last call. Once something failed, none before `settled_rows`."""
        for (topic, number), partition in self._partitions.items():
            if not partition.failed:
                yield from self._matched(topic, number, partition)

    def settled_rows(self) -> Iterator[pa.Table]:
        """The others, when no report will come any more."""
        for (topic, number), partition in self._partitions.items():
            partition.waiting = deque(_without(volley, partition.failed) for volley in partition.waiting)
            yield from self._matched(topic, number, partition)

    def _matched(self, topic: str, number: int, partition: _Partition) -> Iterator[pa.Table]:
        offsets = np.array(partition.offsets, np.int64)
        partition.offsets.clear()  # in place: reports go on to it
        self._count += offsets.size
        assert (np.diff(offsets) > 0).all(), "an idempotent producer keeps the order"
        while offsets.size:
            volley = partition.waiting.popleft()
            count = volley.seq.size
            if count > offsets.size:
                partition.waiting.appendleft(volley.chosen(np.arange(offsets.size, count)))
                volley = volley.chosen(np.arange(offsets.size))
            yield record_rows(volley, topic, number, offsets[:count])
            offsets = offsets[count:]

    def _at(self, topic: str, partition: int) -> _Partition:
        return self._partitions.setdefault((topic, partition), _Partition())


def _without(volley: Volley, failed: set[tuple[str, int]]) -> Volley:
    if not failed:
        return volley
    names = [bytes(name).decode() for name in volley.names]
    kept = [upload not in failed for upload in zip(names, volley.seq.tolist(), strict=True)]
    return volley.chosen(np.flatnonzero(kept))
