"""The ground truth a producer writes aside, so that `vaxel verify` can compare it with what came out.

A producer writes one folder per run, `DATA_DIR/truth/<run id>/`: `records.parquet` (what Kafka acknowledged, whatever
its content), `sessions.parquet` (each wash cycle and run that really happened) and, for a simulated fleet,
`fleet.parquet` (`schemas.fleet.FleetDevice`). A folder without `records.parquet` belongs to a run that is under way, or
was killed outright.
"""

from __future__ import annotations

from typing import Annotated, Literal

from schemas.facts import Offset, Partition, Topic
from schemas.fields import Contract, Count, DeviceId, EventTimeMs, Material, Seq, described
from schemas.fleet import Product

Fault = Literal["duplicated", "late", "reordered", "corrupt"]

TRUTH_FOLDER = "truth"
RECORDS_FILE = "records.parquet"
SESSIONS_FILE = "sessions.parquet"
FLEET_FILE = "fleet.parquet"


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
    """One wash cycle or run, as it happened and as far as the acknowledged intact uploads tell of it.

    `delivered_*` are sums over the intact uploads only: a corrupt upload takes its readings with it.
    """

    product: Product
    device_id: DeviceId
    material: Material
    session_no: Annotated[int | None, described("The device's own number; null for a plug meter")]
    programme: Annotated[str | None, described("Programme of a wash cycle", "usage")]
    started_at_ms: EventTimeMs
    ended_at_ms: EventTimeMs
    amount: Annotated[float, described("Energy of the cycle in Wh, or distance of the run in m")]
    delivered_ended_at_ms: Annotated[EventTimeMs | None, described("Last delivered reading; null when nothing arrived")]
    delivered_amount: Annotated[float, described("Energy in Wh or distance in m of the delivered readings")]
    delivered_reading_count: Count
    end_is_known: Annotated[bool, described("An intact upload ended it, or a later upload of the device was delivered")]
