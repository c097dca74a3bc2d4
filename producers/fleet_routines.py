"""How often, and at which hours, each owner of a device uses it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, pairwise, takewhile
from random import Random

from producers.days import session_starts

_EARLIEST_SHIFT_H, _LATEST_SHIFT_H = -1, 1
"""Early birds and late risers live an hour before or after the others."""


@dataclass(frozen=True, slots=True)
class Tenure:
    """A time in which one owner uses the device.

    Attributes:
        number: Of the owner, from 0.
        from_ms: Where it begins; the next owner's begins where this one ends.
        is_used: Whether the owner starts sessions at all.
    """

    number: int
    from_ms: int
    time_zone: str
    is_used: bool


@dataclass(frozen=True, slots=True)
class Routine:
    """Mean number of sessions a day, and how likely each of the 24 local hours is."""

    per_day: float
    hour_weights: tuple[float, ...]


def routine(key: str, owner: int, per_day: tuple[float, float], hour_weights: Sequence[float]) -> Routine:
    """The routine of an owner, within what people do with such a product.

    Args:
        key: What both shoes of a pair share (`fleet_pairs.pair_id`).
        owner: Number of the owner, from 0.
        per_day: Lowest and highest mean number of sessions a day.
    """
    rng = Random(f"{key}/routine/{owner}")
    shift_h = rng.randint(_EARLIEST_SHIFT_H, _LATEST_SHIFT_H)
    return Routine(
        rng.uniform(*per_day), tuple(hour_weights[(hour - shift_h) % len(hour_weights)] for hour in range(24))
    )


def starts(
    key: str, tenures: Sequence[Tenure], per_day: tuple[float, float], hour_weights: Sequence[float]
) -> Iterator[int]:
    """Ascending instants at which one owner after the other starts a session; the last one's go on without end.

    Args:
        tenures: Ascending, at least one.
        per_day: Lowest and highest mean number of sessions a day.
    """
    ends = chain((later.from_ms for _, later in pairwise(tenures)), [None])
    for tenure, end_ms in zip(tenures, ends, strict=True):
        if not tenure.is_used:
            continue
        owner = routine(key, tenure.number, per_day, hour_weights)
        own = session_starts(
            tenure.from_ms,
            tenure.time_zone,
            per_day=owner.per_day,
            hour_weights=owner.hour_weights,
            rng=Random(f"{key}/starts/{tenure.number}"),
        )
        yield from own if end_ms is None else _until(own, end_ms)


def _until(instants: Iterator[int], end_ms: int) -> Iterator[int]:
    return takewhile(lambda instant: instant < end_ms, instants)
