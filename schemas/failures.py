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
    "unknown_version",  # a schema_version that no contract describes
    "wrong_sum",  # parts that do not add up to their total
    "out_of_physics",  # what no such device can measure: faster than anybody runs, more power than the model can draw
    "counter_fell",  # a count that only rises is lower than it was, and no new board explains it
    "number_reused",  # a number its device has used before, for another upload
    "cohort_differs",  # its firmware measures in another unit or scale than the other firmware of its model
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
    device_id: Annotated[str | None, described("The record's key, if it is a device's name", "usage")]
    reason: Annotated[Reason, described("Why, from the one list")]
    detail: Annotated[str, described("What was found, where, and what is accepted")]
    stage: Annotated[str, described("Who refused it")]
    field: Annotated[str | None, described("The field at fault, if it is one")] = None
    found: Annotated[str | None, described("What it held, shortened", "personal")] = None
    accepted: Annotated[str | None, described("What is accepted there")] = None
    seq: Annotated[int | None, described("The upload's own number, if it is readable", unit="1")] = None
    material: Annotated[str | None, described("Material number, if it is readable")] = None
    firmware: Annotated[str | None, described("Firmware, if it is readable")] = None
    repair: Annotated[str | None, described("The repair by which it came back, if it did and was refused again")] = None
    original: Annotated[
        bytes, described("The record's value, sealed (`schemas.sealing`), the first 15 MB of it at most", "personal")
    ]


HEADERS = (
    "topic",
    "partition",
    "offset",
    "received_at_ms",
    "reason",
    "detail",
    "stage",
    "field",
    "found",
    "accepted",
    "seq",
    "material",
    "firmware",
    "repair",
)
"""Kafka headers of a failed event, those with a value; its key and value are the record's own."""

REPAIRED_HEADER = "vaxel-repaired"
"""Header of an upload that came back from the failed events: the name of the repair. Its firmware's cohort, held or
not, says nothing about it."""
