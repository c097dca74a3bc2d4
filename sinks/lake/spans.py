"""From where to where a table has to be read anew, as far as Kafka holds it. Pure.

Snapshots tie rows and positions together: what a table gained between two of them came from the offsets in between.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from schemas.errors import DecisionError
from sinks.lake.positions import Extent, Place, Position


@dataclass(frozen=True)
class Moment:
    """How far the lake had come in one topic at a kept snapshot.

    Attributes:
        snapshot: None stands for before everything: nothing had been read.
    """

    snapshot: int | None
    positions: Mapping[Place, Position]

    @property
    def name(self) -> str:
        """As a person reads it."""
        return "the beginning of Kafka" if self.snapshot is None else f"snapshot {self.snapshot}"


BEGINNING = Moment(None, {})


def youngest_before(snapshots: Collection[int], snapshot: int) -> int | None:
    """The youngest kept snapshot that is older than this one.

    >>> youngest_before({3, 5, 9}, 9), youngest_before({3, 5, 9}, 3)
    (5, None)
    """
    return max((kept for kept in snapshots if kept < snapshot), default=None)


def oldest_since(snapshots: Collection[int], snapshot: int) -> int | None:
    """The oldest kept snapshot that is this one or younger.

    >>> oldest_since({3, 5, 9}, 4), oldest_since({3, 5, 9}, 10)
    (5, None)
    """
    return min((kept for kept in snapshots if kept >= snapshot), default=None)


def starts(moment: Moment, extents: Mapping[Place, Extent]) -> dict[Place, int]:
    """Offset to read from, in each partition that Kafka has, for all that came after the moment.

    A topic that had not been read by then is read from where it begins: what it held before is held nowhere.

    Raises:
        DecisionError: the topic is another one since, or Kafka no longer holds all of it.
    """
    ids = {position.topic_id for position in moment.positions.values()}
    found = {}
    for (topic, partition), extent in extents.items():
        kept = moment.positions.get((topic, partition))
        # A partition that was added later has been read from 0, one of a topic never read from its begin.
        unread = 0 if ids else extent.start_offset
        if ids and extent.topic_id not in ids:
            raise DecisionError(
                f"Topic {topic!r} was created again since {moment.name} (id {extent.topic_id}, then "
                f"{', '.join(sorted(ids))}): what the lake took from the older one is in Kafka no more."
            )
        start = unread if kept is None else kept.next_offset
        if start < extent.start_offset:
            raise DecisionError(
                f"Topic {topic!r} partition {partition} begins at offset {extent.start_offset} in Kafka; all since "
                f"{moment.name} needs {start}."
            )
        found[topic, partition] = start
    return found


def spans(
    moment: Moment, until: Mapping[Place, Position], extents: Mapping[Place, Extent]
) -> dict[Place, tuple[int, int]]:
    """Offsets `[start, end)` to read anew in each partition, without empty ones.

    Args:
        until: Positions of the lake up to which the rows are wanted.
    Raises:
        DecisionError: see `starts`; or Kafka ends before the lake's position.
    """
    found = {}
    for place, start in starts(moment, extents).items():
        position, extent = until.get(place), extents[place]
        if position is None or position.next_offset <= start:
            continue
        if position.topic_id != extent.topic_id or position.next_offset > extent.end_offset:
            raise DecisionError(
                f"Topic {place[0]!r} partition {place[1]} ends at offset {extent.end_offset} in Kafka, the lake has "
                f"read up to {position.next_offset}: Kafka is not the one it was. `vaxel lake check` says more."
            )
        found[place] = (start, position.next_offset)
    return found


def is_held(moment: Moment, extents: Mapping[Place, Extent]) -> bool:
    """Whether Kafka still holds everything since the moment."""
    try:
        starts(moment, extents)
    except DecisionError:
        return False
    return True
