"""What should become of each upload, from a set of numbers per device: shares nothing with the stream."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

Upload = Mapping[str, Any]
Outcome = Literal["accepted", "duplicate", "late"]

TOLD_APART = 64
"""How far behind its device's newest number an upload is refused, unless nothing ever came under its number."""
WAITED_FOR = 256
"""So many numbers of a device that never came are waited for; the model knows of no such limit, nor of a week."""


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
            # What was found in power curves is settled; before the first number nobody waits for any.
            is_curve = upload["cycle_no"] is None and upload["offset_ms"] if "cycle_no" in upload else False
            if is_curve or seq in seen or seq < min(seen):
                return "late"
        if seq in seen:
            return "duplicate"
        seen.add(seq)
        self.newest[device_id] = max(seq, self.newest.get(device_id, seq))
        return "accepted"


def readings_of(upload: Upload) -> list[tuple[str, int, int]]:
    """Device, number and time of each reading of an upload."""
    return [(upload["device_id"], upload["seq"], upload["start_ms"] + offset) for offset in upload["offset_ms"]]
