"""Which partitions are whose when several sinks work together. Pure.

Shares are static as the workers' slots: nothing is shared out anew, and who ended is started again in the same share.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from schemas.errors import UsageError
from sinks.lake.positions import Extent, Place, Position

_FORM = re.compile(r"([1-9][0-9]{0,5})/([1-9][0-9]{0,5})")


@dataclass(frozen=True)
class Share:
    """Share `number` of `count`, counted from 1: of every topic each partition p with p mod count = number - 1."""

    number: int = 1
    count: int = 1

    def owns(self, partition: int) -> bool:
        """Whether the partition, of whatever topic, is in this share."""
        return partition % self.count == self.number - 1

    def __str__(self) -> str:
        return f"{self.number}/{self.count}"


WHOLE = Share()


def share_of(text: str) -> Share:
    """The share that is written `I/N`.

    Raises:
        UsageError: it is none.
    """
    found = _FORM.fullmatch(text)
    share = WHOLE if found is None else Share(int(found[1]), int(found[2]))
    if found is None or share.number > share.count:
        raise UsageError(f"--share {text!r}: I/N is accepted, the I-th of N shares, such as 1/3, 2/3 or 3/3.")
    return share


def to_decide(share: Share, kept: Collection[Place], found: Mapping[Place, Extent]) -> dict[Place, Extent]:
    """The partitions whose positions this sink decides: its own, and all of a topic that the lake has never read.

    Were these left to their owners, the first one's positions would make the topic a known one, and a partition of
    another owner would count as added later, to be read from 0 on (`positions.decide`), even where Kafka has less.
    """
    known = {topic for topic, _ in kept}
    return {
        (topic, partition): extent
        for (topic, partition), extent in found.items()
        if share.owns(partition) or topic not in known
    }


def own(share: Share, positions: Mapping[Place, Position]) -> dict[Place, Position]:
    """The positions that are this sink's to move."""
    return {place: position for place, position in positions.items() if share.owns(place[1])}
