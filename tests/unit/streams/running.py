"""Runs reading by reading, cut into uploads; and what a plain loop over the readings says of them.

Shares nothing with the stream but the contract.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from random import Random
from typing import Any

from tests.unit.streams.building import NOON_MS, Upload, a_shoe_upload

LONGEST_MS = 60_000


@dataclass(frozen=True)
class Reading:
    at_ms: int
    distance_m: float
    heart_rate_bpm: float | None = 140.0
    contact_balance_pct: float | None = 50.0


def a_run(rng: Random, count: int, step_ms: int = 10_000) -> list[Reading]:
    """Readings of somebody who runs, walks, stands, and now and then is not heard of."""
    at_ms, distance_m, readings = NOON_MS, 0.0, []
    for _ in range(count):
        span_ms = rng.choice([step_ms, step_ms, step_ms, 3_000, 0, LONGEST_MS, 75_000])
        at_ms += span_ms
        distance_m += rng.choice([0.0, 0.4, 0.5, 1.2, 3.3, 7.1]) * min(span_ms, 61_000) / 1_000
        readings.append(
            Reading(
                at_ms,
                round(distance_m, 2),
                rng.choice([None, float(rng.randrange(60, 221))]),
                rng.choice([None, round(rng.uniform(45, 55), 1)]),
            )
        )
    return readings


def cut_up(readings: Sequence[Reading], cuts: Sequence[int], first_seq: int = 1, **fields: Any) -> list[Upload]:
    """The run as uploads that end before those readings. Seams between readings of one instant are left out."""
    times_ms = [NOON_MS, *(reading.at_ms for reading in readings)]
    inner = sorted({cut for cut in cuts if 0 < cut < len(readings) and times_ms[cut] < times_ms[cut + 1]})
    bounds = [0, *inner, len(readings)]
    return [
        _an_upload(readings[first:end], times_ms[first], first_seq + number, end == len(readings), fields)
        for number, (first, end) in enumerate(pairwise(bounds))
    ]


def _an_upload(readings: Sequence[Reading], before_ms: int, seq: int, is_last: bool, fields: dict[str, Any]) -> Upload:
    start_ms = readings[0].at_ms
    lead_ms = start_ms - before_ms
    return a_shoe_upload(
        seq=seq, start_ms=start_ms, lead_ms=lead_ms if lead_ms <= LONGEST_MS else 0, run_started_ms=NOON_MS,
        run_ended=is_last, sent_at_ms=readings[-1].at_ms, offset_ms=[reading.at_ms - start_ms for reading in readings],
        distance_m=[reading.distance_m for reading in readings], cadence_spm=None, ground_contact_ms=None,
        heart_rate_bpm=[reading.heart_rate_bpm for reading in readings], lifetime_distance_m=None, lifetime_steps=None,
        contact_balance_pct=[reading.contact_balance_pct for reading in readings],
    ) | fields  # fmt: skip


def plainly(readings: Sequence[Reading], highest_bpm: float, started_ms: int = NOON_MS) -> dict[str, Any]:
    """Moving time, pauses, gaps, splits and zones, reading by reading."""
    moving_s = paused_s = moved_m = 0.0
    full_s: list[float | None] = [0.0]
    zones_s = [0.0] * 5
    before = Reading(started_ms, 0.0)
    for reading in readings:
        span_ms = reading.at_ms - before.at_ms
        made_m = reading.distance_m - before.distance_m
        is_known = span_ms <= LONGEST_MS
        while reading.distance_m >= len(full_s) * 1_000:
            share = (len(full_s) * 1_000 - before.distance_m) / made_m
            since_s = (before.at_ms - started_ms + share * span_ms) / 1_000
            full_s.append(since_s if is_known else None)
        if is_known and span_ms and round(made_m * 1_000) / span_ms >= 0.5:
            moving_s, moved_m = moving_s + span_ms / 1_000, moved_m + made_m
        elif is_known:
            paused_s += span_ms / 1_000
        if is_known and reading.heart_rate_bpm is not None:
            zone = int(reading.heart_rate_bpm * 10 / highest_bpm) - 5
            if zone >= 0:
                zones_s[min(zone, 4)] += span_ms / 1_000
        before = reading
    return {
        "moving_s": moving_s,
        "paused_s": paused_s,
        "gap_s": (readings[-1].at_ms - started_ms) / 1_000 - moving_s - paused_s,
        "pace_s_per_km": moving_s / moved_m * 1_000 if moved_m else None,
        "split_s": [None if start is None or end is None else end - start for start, end in pairwise(full_s)],
        "heart_rate_zone_s": zones_s,
    }
