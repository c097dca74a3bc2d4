"""A phone without a connection for hours or days: what was to be sent meanwhile leaves at once when it is back."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from operator import attrgetter
from random import Random

from producers.fleet_calendar import DAY_MS, FIRST_DAY_MS, HOUR_MS
from producers.uploads import Upload

OFFLINE_SHARE = 0.3
"""Share of phones that lose their connection now and then; the others always have one."""

MEAN_DAYS_ONLINE = 14.0
"""Between two spells offline."""

SHORTEST_OFFLINE_MS, LONGEST_OFFLINE_MS = 2 * HOUR_MS, 3 * DAY_MS
"""Short spells are the common ones: each doubling of the length is as likely as the next."""

BURST = 10_000
"""How much faster than they were made uploads leave after a spell: a minute becomes 6 ms, three days 26 s."""

_SHORTEST_ONLINE_MS = HOUR_MS


@dataclass(frozen=True, slots=True)
class Spell:
    """A time [start_ms, end_ms) without a connection."""

    start_ms: int
    end_ms: int


def offline_spells(key: str, end_ms: int) -> list[Spell]:
    """The spells of one phone that begin before `end_ms`, ascending and apart; the same ones up to any end.

    Args:
        key: What both shoes of a pair share (`fleet_pairs.pair_id`): they have one phone.
    """
    rng = Random(f"{key}/phone")
    if rng.random() >= OFFLINE_SHARE:
        return []
    spells: list[Spell] = []
    online_ms = FIRST_DAY_MS
    while True:
        start_ms = online_ms + max(_SHORTEST_ONLINE_MS, round(rng.expovariate(1 / MEAN_DAYS_ONLINE) * DAY_MS))
        if start_ms >= end_ms:
            return spells
        length_ms = SHORTEST_OFFLINE_MS * (LONGEST_OFFLINE_MS / SHORTEST_OFFLINE_MS) ** rng.random()
        online_ms = start_ms + round(length_ms)
        spells.append(Spell(start_ms, online_ms))


def leaves_at_ms(made_at_ms: int, spells: Sequence[Spell]) -> int:
    """When an upload leaves that was to be sent at `made_at_ms`; later ones never leave before earlier ones.

    It depends on the instant alone, so any part of a device's uploads leaves as the whole would.

    Args:
        spells: Ascending, at least an hour apart.
    """
    at = bisect_right(spells, made_at_ms, key=attrgetter("start_ms")) - 1
    if at < 0:
        return made_at_ms
    spell = spells[at]
    burst_ms = (min(made_at_ms, spell.end_ms) - spell.start_ms) // BURST
    return max(made_at_ms, spell.end_ms + burst_ms)  # also who comes just after the end, while the burst leaves


def connected(uploads: Iterable[Upload], spells: Sequence[Spell]) -> Iterator[Upload]:
    """The uploads as they leave, in their order; their bytes keep the device's own times."""
    for upload in uploads:
        sent_at_ms = leaves_at_ms(upload.sent_at_ms, spells)
        yield upload if sent_at_ms == upload.sent_at_ms else replace(upload, sent_at_ms=sent_at_ms)
