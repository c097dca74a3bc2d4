"""What a sink at work shows to whoever asks, from whatever thread: plain values, each replaced as a whole."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass
class Watch:
    """The newest look of a sink at itself. Instants are of the monotonic clock, in seconds.

    Attributes:
        worked_s: When a batch was last stored, or there was nothing to store; at first, when the sink began.
        held_rows, held_bytes: Read and not yet stored, also while they are being stored.
        partitions: Those that the sink reads; None until it has looked.
        lag: Records by topic between the lake's positions and the ends of the partitions, as the last fetches told.
        caught_up: Whether all partitions had been read to their ends at the last transaction or look.
    """

    worked_s: float = field(default_factory=time.monotonic)
    held_rows: int = 0
    held_bytes: int = 0
    partitions: int | None = None
    lag: Mapping[str, int] = field(default_factory=dict)
    caught_up: bool = False
