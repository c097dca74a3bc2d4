"""Whether a worker does its work: red when input waits and nobody takes it, green when there is nothing to do. Pure.

A partition is stuck when its committed position has stood still for too long while input waited. One that keeps up, or
has nothing to do, is fine however long that lasts; so is one that is slow but moves.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from streams.batch import Place


@dataclass(frozen=True)
class Limits:
    """How long things may last before a worker counts as ill, in seconds.

    Attributes:
        stuck_s: Input waits and the committed position stands still.
        silent_s: The broker has not said where a partition ends.
        rebalance_s: The group shares out its partitions, or the worker waits to be let in.
        take_over_s: A partition's state is read.
    """

    stuck_s: float = 30.0
    silent_s: float = 30.0
    rebalance_s: float = 60.0
    take_over_s: float = 120.0


@dataclass(frozen=True)
class Seen:
    """What one look at an open partition shows.

    Attributes:
        position: The committed one: next offset to take in.
        end: Where the partition ends, as the last fetch told; None before the first.
        end_age_s: How long ago it told.
    """

    position: int
    end: int | None = None
    end_age_s: float = 0.0

    @property
    def waiting(self) -> int:
        """Records known to wait."""
        return 0 if self.end is None else max(0, self.end - self.position)


@dataclass(frozen=True)
class Look:
    """One look at a worker. `rebalancing_s` and `taking_over_s` say for how long already."""

    partitions: Mapping[Place, Seen]
    rebalancing_s: float | None = None
    taking_over_s: Mapping[Place, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Standing:
    """What is remembered of a partition: its position, and when it last moved, was new or had nothing to do."""

    position: int
    since_s: float


@dataclass(frozen=True)
class Health:
    """The verdict: each problem is a sentence that names place, numbers and seconds. No problem is green."""

    problems: tuple[str, ...] = ()

    @property
    def is_green(self) -> bool:
        """Nothing is wrong."""
        return not self.problems


def followed(before: Mapping[Place, Standing], look: Look, now_s: float) -> dict[Place, Standing]:
    """What to remember after a look; partitions that are gone are forgotten.

    Args:
        now_s: Of any clock that never goes back.
    """
    return {
        place: before[place]
        if place in before and before[place].position == seen.position and (seen.waiting or seen.end is None)
        else Standing(seen.position, now_s)
        for place, seen in look.partitions.items()
    }


def judged(standings: Mapping[Place, Standing], look: Look, now_s: float, limits: Limits) -> Health:
    """The verdict on a worker from what `followed` remembers of this look."""
    problems = []
    if look.rebalancing_s is not None and look.rebalancing_s > limits.rebalance_s:
        problems.append(
            f"partitions are being shared out for {look.rebalancing_s:.0f} s, {limits.rebalance_s:g} s at most"
        )
    for place, seconds in look.taking_over_s.items():
        if seconds > limits.take_over_s:
            problems.append(f"{named(place)} is being taken over for {seconds:.0f} s, {limits.take_over_s:g} s at most")
    for place, seen in look.partitions.items():
        still_s = now_s - standings[place].since_s
        if seen.waiting and still_s > limits.stuck_s:
            problems.append(
                f"{named(place)} stands at {seen.position} for {still_s:.0f} s while input waits up to {seen.end}"
            )
        silent_s = still_s if seen.end is None else seen.end_age_s
        if not seen.waiting and silent_s > limits.silent_s:
            problems.append(f"{named(place)} has not been fetched for {silent_s:.0f} s, position {seen.position}")
    return Health(tuple(problems))


def named(place: Place) -> str:
    """A partition as people write it."""
    return f"{place.topic}[{place.partition}]"
