"""What goes wrong on the way from a device to Kafka, at declared rates, and still the same for the same seed."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from random import Random
from typing import Any

from producers.corruption import BROKEN, HARMLESS, altered
from producers.fault_rates import FaultRates, stretches
from producers.uploads import Delivery, Upload, encode
from schemas.truth import Fault

LONGEST_DELAY = 30
"""Uploads of the same device that overtake a late one at most; the stream's exact dedup reaches 64 back."""
SOONEST_REPLAY = 96
"""Uploads of the same device before one comes again: dedup's 64, and those that are late at that moment."""

_LONGEST_ECHO = 5
_LATEST_REPLAY = 110
_CHANGES = {**HARMLESS, **BROKEN}
_HEADING = ("schema_version", "sent_at_ms", "material", "firmware", "start_ms", "lead_ms", "health_consent")


@dataclass(frozen=True, slots=True)
class _Held:
    """A delivery that leaves once the upload at that position of its device has left."""

    position: int
    delivery: Delivery


def with_faults(uploads: Iterable[Upload], rates: FaultRates) -> Iterator[Delivery]:
    """Deliveries of one device's uploads: each at least once, lost ones too; the last one last, once, and intact.

    What an upload meets depends on its device and number alone: sent again by a later run, it meets the same. One with
    a mistake of its firmware meets nothing else. What would come again after the last upload does not.

    Args:
        uploads: Ascending in number and time.
    """
    held: list[_Held] = []
    now_ms = 0
    ends = stretches(rates)
    for position, (upload, is_last) in enumerate(_mark_last(uploads)):
        now_ms = max(now_ms, upload.sent_at_ms)
        rng = Random(f"{upload.device_id}/{upload.seq}/fault")
        fault: Fault | None = "wrong_unit" if upload.mistake else None if is_last else _drawn(ends, rng.random())
        if is_last:
            yield from (_leaving(entry, now_ms) for entry in _by_position(held) if entry.delivery.fault != "replayed")
            held = []
        for delay, delivery in _met(upload, fault, rng):
            if delay is None:
                yield replace(delivery, due_ms=now_ms)
            else:
                held.append(_Held(position + delay, delivery))
        for entry in _by_position([entry for entry in held if entry.position <= position]):
            held.remove(entry)
            yield _leaving(entry, now_ms)


def _met(upload: Upload, fault: Fault | None, rng: Random) -> Iterator[tuple[int | None, Delivery]]:
    """What becomes of an upload: deliveries that leave at once (None), or after that many more of its device."""

    def sent(value: bytes, fault: Fault | None) -> Delivery:
        return Delivery(upload, value, 0, fault)

    if fault == "late":
        yield rng.randint(2, LONGEST_DELAY), sent(upload.value, fault)
        return
    if fault == "reordered":
        yield 1, sent(upload.value, fault)
        return
    if fault in _CHANGES:
        yield None, sent(_CHANGES[fault](upload.value, rng), fault)
        return
    if fault in ("lost", "wrong_unit"):
        yield None, sent(upload.value, fault)
        return
    yield None, sent(upload.value, None)
    if fault == "duplicated":
        yield rng.randint(0, _LONGEST_ECHO), sent(upload.value, fault)
    elif fault == "altered":
        yield rng.randint(0, _LONGEST_ECHO), sent(altered(upload.value, rng), fault)
    elif fault == "replayed":
        yield rng.randint(SOONEST_REPLAY, _LATEST_REPLAY), sent(upload.value, fault)
    elif fault == "unknown_device":
        stranger = _stranger(upload)
        yield 0, Delivery(stranger, stranger.value, 0, fault)


def _drawn(ends: tuple[tuple[float, Fault], ...], draw: float) -> Fault | None:
    return next((fault for end, fault in ends if draw < end), None)


def _stranger(upload: Upload) -> Upload:
    """A sign of life, at the same moment and under the same number, from a device that nobody made."""
    kind, _, name = upload.device_id.partition("-")
    device_id = f"xx-{name}-{kind}"
    fields = json.loads(upload.value)
    silent: dict[str, Any] = {
        name: [] if isinstance(found, list) else _nothing(found) for name, found in fields.items()
    }
    kept = {name: found for name, found in fields.items() if name in _HEADING}
    value = encode({**silent, **kept, "device_id": device_id, "seq": upload.seq})
    return replace(upload, device_id=device_id, reading_count=0, value=value, part=None)


def _nothing(found: object) -> bool | None:
    return False if isinstance(found, bool) else None


def _by_position(held: list[_Held]) -> list[_Held]:
    return sorted(held, key=lambda entry: entry.position)


def _leaving(entry: _Held, due_ms: int) -> Delivery:
    return replace(entry.delivery, due_ms=due_ms)


def _mark_last(uploads: Iterable[Upload]) -> Iterator[tuple[Upload, bool]]:
    waiting: Upload | None = None
    for upload in uploads:
        if waiting is not None:
            yield waiting, False
        waiting = upload
    if waiting is not None:
        yield waiting, True
