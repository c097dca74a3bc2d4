"""Why an upload is refused, and how a failed event carries it. The one list of reasons."""

from __future__ import annotations

from typing import Annotated, Literal

from schemas.facts import Offset, Partition, Topic
from schemas.fields import Contract, ReceivedAtMs, described

Reason = Literal[
    "empty",  # no bytes, or none at all
    "too_large",  # over MAX_UPLOAD_BYTES
    "not_utf8",
    "not_json",  # also truncated, trailing data, NaN
    "duplicate_key",
    "not_an_object",
    "missing_field",
    "wrong_type",
    "out_of_range",
    "bad_format",  # a text that does not match its pattern or list
    "unequal_lengths",  # channels of different length
    "not_ascending",  # offsets that fall
    "wrong_session",  # session number without start, or an end without a session
    "time_out_of_bounds",  # before 2001, or more than a day after it was received
    "wrong_key",  # Kafka key and device_id differ: one device writing as another
    "late",  # further behind the device's newest upload than the window for exact dedup reaches
]


KEPT_BYTES = 15_000_000
"""Of a refused upload. Telemetry's own limit is a megabyte, but for the batch as it comes: a batch of compressed blanks
may hold any number of them, and what Kafka does not take from the worker would end it again and again."""


class FailedEvent(Contract):
    """An upload that was refused: original bytes, the reason, and the place it came from."""

    topic: Topic
    partition: Partition
    offset: Offset
    received_at_ms: ReceivedAtMs
    device_id: Annotated[str | None, described("The record's key, if it is readable text", "usage")]
    reason: Annotated[Reason, described("Why, from the one list")]
    detail: Annotated[str, described("What was found, where, and what is accepted")]
    stage: Annotated[str, described("Who refused it")]
    original: Annotated[bytes, described("The record's value as it came, `KEPT_BYTES` of it at most", "personal")]


HEADERS = ("topic", "partition", "offset", "received_at_ms", "reason", "detail", "stage")
"""Kafka headers of a failed event; its key and value are the record's own."""
