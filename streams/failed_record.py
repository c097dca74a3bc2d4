"""How a failed event is written as a record of Kafka: its key, its value and its headers. Pure.

`sinks.lake.decode` reads it back; what an older worker did not write yet is null there.
"""

from __future__ import annotations

from schemas.failures import HEADERS, FailedEvent
from schemas.sealing import context_of, seal

KIND = "failed-event"
"""What a sealed upload is, in the context of its seal."""

Headers = list[tuple[str, str | bytes | None]]
"""As the producer takes them."""


def key_of(event: FailedEvent) -> bytes | None:
    """The refused record's own key, if it may be kept."""
    return None if event.device_id is None else event.device_id.encode()


def value_of(event: FailedEvent, sealing_key: bytes | None) -> bytes:
    """The refused record's bytes, sealed: they may hold a name, or a heart rate that nobody agreed to show.

    Args:
        sealing_key: None leaves them as they came, for tests and benchmarks.
    """
    if sealing_key is None:
        return event.original
    return seal(sealing_key, event.original, context_of(KIND, event.topic, event.partition, event.offset))


def headers_of(event: FailedEvent) -> Headers:
    """What there is of `HEADERS`, in their order; what has no value has no header.

    An upload may hold text that UTF-8 cannot (half of a surrogate pair); it is written as its escape sequence, since
    nothing that a device sends may stop a worker.
    """
    values = ((name, getattr(event, name)) for name in HEADERS)
    return [(name, str(value).encode(errors="backslashreplace")) for name, value in values if value is not None]
