"""Seeded uploads of a small fleet, and the ways in which they may arrive."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import Any

from tests.unit.streams.building import NOON_MS, Upload, a_shoe_upload, a_washer_upload

WORDS = {"washer": "cycle", "shoe": "run"}


def some_uploads(rng: Random, word: str, devices: int = 3, sessions: int = 3) -> list[Upload]:
    """Uploads of some devices in the order of their numbers: sessions of one to four uploads, and idle ones."""
    uploads: list[Upload] = []
    for device in range(devices):
        seq, now_ms = rng.randrange(100), NOON_MS
        for number in range(1, sessions + 1):
            started_ms = now_ms
            parts = rng.randrange(1, 5)
            for part in range(parts):
                offsets = sorted(rng.sample(range(0, 200_000, 500), rng.choice([0, 1, 2, 5])))
                fields: dict[str, Any] = {
                    f"{word}_no": number,
                    f"{word}_started_ms": started_ms,
                    f"{word}_ended": part == parts - 1,
                }
                uploads.append(_an_upload(rng, word, f"d-{device}", seq, now_ms, offsets, fields))
                now_ms += 240_000
                seq += rng.choice([1, 1, 1, 2])
            if rng.random() < 0.5:
                fields = {f"{word}_no": None, f"{word}_started_ms": None, f"{word}_ended": False}
                uploads.append(_an_upload(rng, word, f"d-{device}", seq, now_ms, [], fields))
                now_ms, seq = now_ms + 60_000, seq + 1
    return uploads


def _an_upload(
    rng: Random, word: str, device: str, seq: int, start_ms: int, offsets: list[int], fields: dict[str, Any]
) -> Upload:
    def values(low: float, high: float, none: float = 0.2) -> list[float | None]:
        return [None if rng.random() < none else round(rng.uniform(low, high), 3) for _ in offsets]

    common = {"device_id": device, "seq": seq, "start_ms": start_ms, "sent_at_ms": start_ms + 200_000,
              "lead_ms": rng.choice([0, 1_000]), "offset_ms": offsets} | fields  # fmt: skip
    if word == "cycle":
        channels = {"power_w": values(0, 2_000, 0), "water_l": rng.choice([None, rising(rng, values(0, 60))]),
                    "temperature_c": None, "drum_rpm": values(0, 1_200)}  # fmt: skip
        return a_washer_upload(**common, **channels, programme=rng.choice([None, "eco"]))
    base_m = rng.uniform(0, 9_000)
    distance_m: list[float | None] = [round(base_m + offset * rng.uniform(2.0, 2.001) / 1_000, 3) for offset in offsets]
    channels = {"distance_m": distance_m, "cadence_spm": rng.choice([None, values(150, 190)]),
                "heart_rate_bpm": values(90, 180),
                "ground_contact_ms": rng.choice([None, values(200, 300)])}  # fmt: skip
    return a_shoe_upload(**common, **channels, health_consent=rng.random() < 0.7)


def rising(rng: Random, values: list[float | None]) -> list[float | None]:
    """The same values in ascending order, those that are missing in their places."""
    known = iter(sorted(value for value in values if value is not None))
    return [None if value is None else next(known) for value in values]


def arriving(rng: Random, uploads: Sequence[Upload], reach: int = 12, echoes: float = 0.2) -> list[Upload]:
    """The same uploads with repeats, each at most about `reach` places from where it belongs."""
    due = [(place + rng.uniform(0, reach), upload) for place, upload in enumerate(uploads)]
    due += [(place + rng.uniform(0, reach), upload) for place, upload in due if rng.random() < echoes]
    return [upload for _, upload in sorted(due, key=lambda entry: entry[0])]


def a_cut(rng: Random, count: int) -> list[int]:
    """Sizes of batches, some of them empty, for that many uploads."""
    return [rng.choice([0, 1, 1, 2, 3, 5, 20]) for _ in range(count // 4)]
