"""What should become of each upload, from a set of numbers per device: shares nothing with the stream."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

Upload = Mapping[str, Any]
Outcome = Literal["accepted", "duplicate", "late"]

TOLD_APART = 64
"""How far behind its device's newest number an upload is refused, being neither news nor a repeat for certain."""


class Model:
    """Judges uploads one after the other, in the order of the log.

    Attributes:
        seen: Numbers accepted of each device, ever.
        newest: The highest of them.
    """

    def __init__(self) -> None:
        self.seen: dict[str, set[int]] = {}
        self.newest: dict[str, int] = {}

    def outcome(self, upload: Upload) -> Outcome:
        device_id, seq = str(upload["device_id"]), int(upload["seq"])
        seen = self.seen.setdefault(device_id, set())
        if seq <= self.newest.get(device_id, seq) - TOLD_APART:
            return "late"
        if seq in seen:
            return "duplicate"
        seen.add(seq)
        self.newest[device_id] = max(seq, self.newest.get(device_id, seq))
        return "accepted"


def readings_of(upload: Upload) -> list[tuple[str, int, int]]:
    """Device, number and time of each reading of an upload."""
    return [(upload["device_id"], upload["seq"], upload["start_ms"] + offset) for offset in upload["offset_ms"]]
