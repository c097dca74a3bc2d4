"""What goes wrong on the way from a device to Kafka, at declared rates, and still the same for the same seed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from itertools import accumulate
from random import Random
from typing import Any

from producers.corruption import corrupted
from producers.uploads import Delivery, Upload
from schemas.errors import UsageError
from schemas.truth import Fault

LONGEST_DELAY = 30
"""Uploads of the same device that overtake a late one at most; the stream's exact dedup reaches 64 back."""

_LONGEST_ECHO = 5


@dataclass(frozen=True)
class FaultRates:
    """Share of uploads that meet each fault; an upload meets one at most.

    Attributes:
        duplicated: Sent once more, at once or up to five uploads later.
        late: Overtaken by 2 to `LONGEST_DELAY` uploads of the same device.
        reordered: Overtaken by the next upload of the same device.
        corrupt: Arrives as something the contract must refuse.
    Raises:
        UsageError: A share outside 0 to 1, or all together above 1.
    """

    duplicated: float = 0.01
    late: float = 0.01
    reordered: float = 0.01
    corrupt: float = 0.005

    def __post_init__(self) -> None:
        shares = asdict(self)
        for name, share in shares.items():
            if not 0 <= share <= 1:
                raise UsageError(f"--{name} is {share}: a share of uploads from 0 to 1 is accepted")
        if sum(shares.values()) > 1:
            found = " + ".join(f"{name} {share}" for name, share in shares.items())
            raise UsageError(f"{found} is above 1: an upload meets one fault at most")

    def thresholds(self) -> tuple[tuple[float, Fault], ...]:
        """Upper ends of each fault's stretch of [0, 1)."""
        names: tuple[Any, ...] = ("duplicated", "late", "reordered", "corrupt")
        return tuple(zip(accumulate(getattr(self, name) for name in names), names, strict=True))


def with_faults(uploads: Iterable[Upload], rates: FaultRates) -> Iterator[Delivery]:
    """Deliveries of one device's uploads: each at least once, the last one last, once, and intact.

    What an upload meets depends on its device and number alone: sent again by a later run, it meets the same.

    Args:
        uploads: Ascending in number and time.
    """
    held: list[tuple[int, Delivery]] = []  # (position to leave after, delivery)
    now_ms = 0
    thresholds = rates.thresholds()
    for position, (upload, is_last) in enumerate(_mark_last(uploads)):
        now_ms = max(now_ms, upload.sent_at_ms)
        rng = Random(f"{upload.device_id}/{upload.seq}/fault")
        fault = None if is_last else _drawn(thresholds, rng)
        if is_last:
            yield from (_leaving(delivery, now_ms) for _, delivery in sorted(held, key=_by_position))
        if fault == "late":
            held.append((position + rng.randint(2, LONGEST_DELAY), Delivery(upload, upload.value, 0, fault)))
        elif fault == "reordered":
            held.append((position + 1, Delivery(upload, upload.value, 0, fault)))
        elif fault == "corrupt":
            yield Delivery(upload, corrupted(upload.value, rng), now_ms, fault)
        else:
            yield Delivery(upload, upload.value, now_ms, None)
        if fault == "duplicated":
            held.append((position + rng.randint(0, _LONGEST_ECHO), Delivery(upload, upload.value, 0, fault)))
        if held and not is_last:
            for entry in sorted((entry for entry in held if entry[0] <= position), key=_by_position):
                held.remove(entry)
                yield _leaving(entry[1], now_ms)


def _drawn(thresholds: tuple[tuple[float, Fault], ...], rng: Random) -> Fault | None:
    draw = rng.random()
    return next((fault for end, fault in thresholds if draw < end), None)


def _by_position(entry: tuple[int, Delivery]) -> int:
    return entry[0]


def _leaving(delivery: Delivery, due_ms: int) -> Delivery:
    return Delivery(delivery.upload, delivery.value, due_ms, delivery.fault)


def _mark_last(uploads: Iterable[Upload]) -> Iterator[tuple[Upload, bool]]:
    waiting: Upload | None = None
    for upload in uploads:
        if waiting is not None:
            yield waiting, False
        waiting = upload
    if waiting is not None:
        yield waiting, True
