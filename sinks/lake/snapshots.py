"""Which snapshot of the lake holds what was known at an instant. `known_at` is pure.

Every commit to the lake makes a snapshot, numbered in the order of commits, with the time of the catalogue's clock.
Numbers never lie; clocks do.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import psycopg

from schemas.errors import OutsideError
from sinks.lake.connection import ANSWER_WITHIN_S, answering, catalogue_parts

_READ = "SELECT snapshot_id, floor(extract(epoch FROM snapshot_time::timestamptz) * 1000) FROM ducklake_snapshot"


@dataclass(frozen=True, order=True)
class Snapshot:
    """A state that the lake had, from then until the next one."""

    number: int
    at_ms: int
    """When it was made, as the catalogue's clock had it."""

    def __str__(self) -> str:
        return f"{self.number} of {spelled(self.at_ms)}"


def snapshots(catalog: str) -> list[Snapshot]:
    """The snapshots that the catalogue still has, by number.

    Raises:
        UnreachableError: the catalogue does not answer.
        OutsideError: it holds no lake.
    """
    address, _ = catalogue_parts(catalog)
    try:
        with answering(catalog), psycopg.connect(catalog, connect_timeout=ANSWER_WITHIN_S) as connection:
            rows = connection.execute(_READ).fetchall()
    except psycopg.errors.UndefinedTable:
        raise OutsideError(
            f"The catalogue {address!r} holds no lake yet: `vaxel run` or `vaxel sink lake` makes one."
        ) from None
    return sorted(Snapshot(int(number), int(at_ms)) for number, at_ms in rows)


def known_at(kept: Sequence[Snapshot], at_ms: int) -> Snapshot:
    """The newest snapshot that was there at the instant.

    A clock that jumped puts times out of order. The fewest times are then taken to be wrong; a snapshot with a wrong
    time counts as known when the next right one was made: nothing is shown that came later, as far as can be told.

    Args:
        kept: By number, ascending.
    Raises:
        OutsideError: the instant is before the first snapshot, or what was known then has expired.

    >>> known_at([Snapshot(0, 10), Snapshot(1, 20), Snapshot(2, 30)], at_ms=25).number
    1
    """
    if not kept:
        raise OutsideError("The lake has no snapshot yet.")
    right = _in_order([snapshot.at_ms for snapshot in kept])
    behind = bisect_right(right, at_ms, key=lambda index: kept[index].at_ms)
    if behind == 0:
        oldest = kept[right[0]]
        why = "the lake is not older" if kept[0].number == 0 else "those before have expired"
        raise OutsideError(
            f"What was known at {spelled(at_ms)} cannot be told: the oldest snapshot is {oldest}, {why}."
        )
    found = len(kept) - 1 if behind == len(right) else right[behind - 1]
    if found + 1 < len(kept) and kept[found + 1].number != kept[found].number + 1:
        raise OutsideError(
            f"What was known at {spelled(at_ms)} has expired: the nearest snapshots are {kept[found]} and "
            f"{kept[found + 1]}."
        )
    return kept[found]


def spelled(at_ms: int) -> str:
    """The instant for people: `2026-05-03 14:03:00 UTC`, with milliseconds where it has some."""
    instant = datetime.fromtimestamp(at_ms / 1000, UTC)
    return instant.strftime("%Y-%m-%d %H:%M:%S") + (f".{at_ms % 1000:03d}" if at_ms % 1000 else "") + " UTC"


def _in_order(times_ms: Sequence[int]) -> list[int]:
    """Indexes of the most times that ascend together; of two such choices the one with later times.

    Source: longest non-decreasing subsequence (Fredman 1975), from the end, so that later times win.
    """
    heads: list[int] = []  # heads[n]: where a chain of n + 1 times begins, as late a time as there is
    behind: dict[int, int] = {}
    for index in range(len(times_ms) - 1, -1, -1):
        length = bisect_right(heads, -times_ms[index], key=lambda head: -times_ms[head])
        if length:
            behind[index] = heads[length - 1]
        heads[length : length + 1] = [index]
    chain = heads[-1:]
    while chain and chain[-1] in behind:
        chain.append(behind[chain[-1]])
    return chain
