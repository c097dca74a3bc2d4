"""Which snapshots no longer answer a question that time travel may ask. Pure.

A clock that jumps must not cost a snapshot that is young. So a snapshot's age is not its own time: it goes once the
*next* one is too old, since until then it was what the lake held; and of the times only those are believed that neither
fall behind an earlier one nor lie ahead of now.
"""

from __future__ import annotations

from collections.abc import Iterable

Snapshot = tuple[int, int]
"""Number and time in ms since 1970 UTC, as the catalogue says."""


def expired(snapshots: Iterable[Snapshot], before_ms: int, now_ms: int) -> list[int]:
    """Numbers of the snapshots that were replaced before that instant, ascending. The newest never is.

    >>> expired([(1, 10), (2, 20), (3, 30)], before_ms=25, now_ms=40)
    [1]
    """
    return [number for number, replaced_ms in replaced(snapshots, now_ms) if replaced_ms < before_ms]


def replaced(snapshots: Iterable[Snapshot], now_ms: int) -> list[Snapshot]:
    """The snapshots but the newest, ascending, with the instant at which the next one took their place.

    >>> replaced([(1, 10), (2, 20), (3, 30)], now_ms=40)
    [(1, 20), (2, 30)]
    """
    ordered = sorted(snapshots)
    believed: list[int | None] = []
    floor_ms: int | None = None
    for _, time_ms in ordered:
        is_believed = time_ms <= now_ms and (floor_ms is None or time_ms >= floor_ms)
        floor_ms = time_ms if is_believed else floor_ms
        believed.append(time_ms if is_believed else None)
    found = []
    replaced_ms: int | None = None  # of the newest: not yet
    for (number, _), made_ms in zip(reversed(ordered), reversed(believed), strict=True):
        if replaced_ms is not None:
            found.append((number, replaced_ms))
        # Made at a time that cannot be believed, it replaced the one before it by the time of the next at the latest.
        if made_ms is not None:
            replaced_ms = made_ms
        elif replaced_ms is None:
            replaced_ms = now_ms
    return found[::-1]
