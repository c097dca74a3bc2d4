"""The ground truth a producer writes aside, so that `vaxel verify` can compare it with what came out.

A producer writes one folder per run, `DATA_DIR/truth/<run id>/`:

| file | rows |
|---|---|
| `uploads.parquet` | each upload a device meant to send, once, lost ones too |
| `records.parquet` | each record that Kafka acknowledged, whatever its content |
| `sessions.parquet` | each wash cycle and run that really happened |
| `conditions.parquet` | in what state the machine was in each wash cycle, and what was in its drum |
| `totals.parquet` | what each device really did in the run |
| `fleet.parquet` | the devices, of a simulated fleet (`schemas.fleet.FleetDevice`) |
| `events.parquet` | what happened to them: sold, resold, repaired, updated (`schemas.fleet.LifeEvent`) |

A folder without `records.parquet` belongs to a run that is under way, or was killed outright.
"""

from __future__ import annotations

from typing import Annotated, Literal

from schemas.facts import InstantMs, Offset, Partition, Topic
from schemas.fields import Contract, Count, DeviceId, EventTimeMs, Material, Seq, described
from schemas.fleet import Product

Fault = Literal[
    "lost",  # never reached Kafka
    "duplicated",  # sent twice, same bytes
    "altered",  # sent twice, under the same number but with another body
    "late",  # overtaken by up to 30 uploads of its device
    "reordered",  # overtaken by the next one
    "replayed",  # sent once more long after, beyond what exact dedup remembers
    "clock_drift",  # the device's clock is minutes off; the upload is intact
    "clock_1970",
    "clock_9999",
    "truncated",
    "wrong_type",
    "wrong_value",  # out of range, lengths that differ, a missing field
    "unknown_field",  # one more than the contract knows: intact
    "wrong_encoding",
    "foreign",  # something else altogether: a web page, a list, two uploads in one
    "hostile",  # strings and nesting made to break readers
    "one_byte",
    "oversized",
    "empty",
    "unknown_device",  # from a device nobody made; the upload is intact
    "wrong_unit",  # its firmware measures in another unit by mistake (a roll-out, no rate)
]

INTACT_FAULTS: frozenset[Fault] = frozenset(
    ["duplicated", "late", "reordered", "replayed", "clock_drift", "unknown_field", "unknown_device"]
)
"""Faults that leave an upload as the contract wants it."""

TRUTH_FOLDER = "truth"
UPLOADS_FILE = "uploads.parquet"
RECORDS_FILE = "records.parquet"
SESSIONS_FILE = "sessions.parquet"
CONDITIONS_FILE = "conditions.parquet"
TOTALS_FILE = "totals.parquet"
FLEET_FILE = "fleet.parquet"
EVENTS_FILE = "events.parquet"


ProductKind = Annotated[Product, described("Kind of product", "usage")]


class TrueUpload(Contract):
    """One upload that a device meant to send, whatever became of it, and what it tells of its session."""

    device_id: DeviceId
    seq: Seq
    product: ProductKind
    sent_at_ms: InstantMs
    reading_count: Count
    session_started_at_ms: Annotated[
        int | None, described("Start of its session; null outside one", "usage", "ms since 1970 UTC")
    ]
    amount: Annotated[
        float, described("Energy of its readings in Wh, or distance of the run so far in m", "usage", "Wh or m")
    ]
    last_reading_at_ms: Annotated[
        int | None, described("Its last reading; null without any", "usage", "ms since 1970 UTC")
    ]
    ends_session: Annotated[bool, described("The last upload of its session")]
    is_lost: Annotated[bool, described("Lost before it reached Kafka")]


class TrueRecord(Contract):
    """One record that Kafka acknowledged."""

    topic: Topic
    partition: Partition
    offset: Offset
    device_id: DeviceId
    seq: Seq
    reading_count: Count
    intact: Annotated[bool, described("The contract must let it in")]
    fault: Annotated[Fault | None, described("The fault injected, if any")]


class TrueSession(Contract):
    """One wash cycle or run as it happened. What of it can be known is the sum of its `TrueUpload`s that arrived."""

    product: ProductKind
    device_id: DeviceId
    material: Material
    session_no: Annotated[int | None, described("The device's own number; null for a plug meter", "usage", "1")]
    programme: Annotated[str | None, described("Programme of a wash cycle", "usage")]
    started_at_ms: EventTimeMs
    ended_at_ms: EventTimeMs
    amount: Annotated[float, described("Energy of the cycle in Wh, or distance of the run in m", "usage", "Wh or m")]


class TrueCondition(Contract):
    """What a washing machine was like in one cycle, and what was in its drum: what alerts and advice are held against.

    Simulated machines only; a load of templates tells none.
    """

    device_id: DeviceId
    started_at_ms: EventTimeMs
    bearing: Annotated[float, described("Wear of the bearing: 0 sound, 1 the end of its life", unit="1", ge=0)]
    scale_mm: Annotated[float, described("Scale on the heater", unit="mm", ge=0)]
    blocked_share: Annotated[float, described("Share of the drain that is blocked", unit="1", ge=0, le=1)]
    load_kg: Annotated[float, described("Dry laundry", "usage", "kg", ge=0)]
    unbalance_kg: Annotated[float, described("Laundry that lay on one side when it span", unit="kg", ge=0)]
    power_cut_s: Annotated[float | None, described("Time without power in it; null without a power cut", unit="s")]


class TrueTotal(Contract):
    """What one device really did in a run of the simulator, told or not."""

    product: ProductKind
    device_id: DeviceId
    session_count: Count
    amount: Annotated[float, described("Energy in Wh, or distance in m, of all its sessions", "usage", "Wh or m")]
    upload_count: Count
    lost_count: Annotated[int, described("Uploads that never reached Kafka", unit="1", ge=0)]
    reading_count: Count
