"""What sessions should say, from a plain loop over the uploads: shares nothing with the stream but the contract."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

Upload = Mapping[str, Any]
Session = dict[str, Any]


class Oracle:
    """Sessions from each upload once, in any order. `word` is `cycle` or `run`."""

    def __init__(self, word: str, uploads: Sequence[Upload]) -> None:
        self.word = word
        self.parts: dict[str, list[Upload]] = {}
        for upload in uploads:
            if upload[f"{word}_started_ms"] is not None:
                self.parts.setdefault(f"{upload['device_id']}:{upload[f'{word}_started_ms']}", []).append(upload)

    def sessions(self) -> dict[str, Session]:
        return {session_id: self._session(parts) for session_id, parts in self.parts.items()}

    def _session(self, parts: list[Upload]) -> Session:
        times = [upload["start_ms"] + offset for upload in parts for offset in upload["offset_ms"]]
        started_ms = parts[0][f"{self.word}_started_ms"]
        shared = {
            "device_id": parts[0]["device_id"],
            "session_no": parts[0][f"{self.word}_no"],
            "started_at_ms": started_ms,
            "ended_at_ms": max([*times, started_ms]),
            "reading_count": len(times),
        }
        return shared | (_cycle(parts) if self.word == "cycle" else _run(parts))


def spans_s(upload: Upload) -> list[float]:
    offsets = upload["offset_ms"]
    between = [(later - earlier) / 1e3 for earlier, later in pairwise(offsets)]
    spans = [upload["lead_ms"] / 1e3, *between] if offsets else []
    silence_from = 66 if "power_w" in upload else 60
    return [min(span, 60.0) if span <= silence_from else 0.0 for span in spans]


def _cycle(parts: list[Upload]) -> Session:
    energy_ws = [
        power * span for upload in parts for power, span in zip(upload["power_w"], spans_s(upload), strict=True)
    ]
    water = [value for upload in parts for value in upload["water_l"] or [] if value is not None]
    return {
        "source": "reported",
        "energy_wh": sum(energy_ws) / 3_600,
        "peak_w": max([0.0, *(power for upload in parts for power in upload["power_w"])]),
        "water_l": max(water, default=None),
        "programme": max((upload["programme"] for upload in parts if upload["programme"]), default=None),
    }


def _run(parts: list[Upload]) -> Session:
    agreed = [upload for upload in parts if upload["health_consent"]]
    cadence = _mean(parts, "cadence_spm")
    strides = [
        value * span / 60
        for upload in parts
        for value, span in zip(upload["cadence_spm"] or [], spans_s(upload), strict=False)
        if value is not None
    ]
    heart = [value for upload in agreed for value in upload["heart_rate_bpm"] if value is not None]
    return {
        "distance_m": max([0.0, *(value for upload in parts for value in upload["distance_m"])]),
        "avg_cadence_spm": cadence,
        "steps": None if cadence is None else round(sum(strides)),
        "avg_heart_rate_bpm": _mean(agreed, "heart_rate_bpm"),
        "max_heart_rate_bpm": max(heart, default=None),
        "avg_ground_contact_ms": _mean(agreed, "ground_contact_ms"),
    }


def _mean(parts: list[Upload], name: str) -> float | None:
    weighted = [
        (value, span)
        for upload in parts
        for value, span in zip(upload[name] or [], spans_s(upload), strict=False)
        if value is not None
    ]
    seconds = sum(span for _, span in weighted)
    return sum(value * span for value, span in weighted) / seconds if seconds else None


def closely(found: Session, expected: Session) -> bool:
    """Whether all that is expected was found; numbers to a thousandth."""
    for name, value in expected.items():
        if isinstance(value, float) and isinstance(found[name], float):
            if not math.isclose(found[name], value, rel_tol=1e-6, abs_tol=1e-3):
                return False
        elif isinstance(value, int) and name == "steps":
            if abs(found[name] - value) > 1:
                return False
        elif found[name] != value:
            return False
    return True
