"""What came for one partition since the last step, by kind. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pyarrow as pa

from schemas.facts import Receipt, Run, ShoeReading, WashCycle, WasherReading
from schemas.failures import Reason
from schemas.fleet import Product
from schemas.forms import arrow_schema
from schemas.reference import Reference


@dataclass(frozen=True)
class Refused:
    """An upload that the stream refused, as far as its headers tell."""

    device_id: str
    product: Product
    seq: int | None
    reason: Reason
    field: str | None
    found: str | None
    accepted: str | None
    received_at_ms: int


@dataclass(frozen=True)
class Arrivals:
    """Facts and news of the devices of one partition, each kind in the order of its topic.

    Attributes:
        receipts: Rows of `Receipt`, of both products, duplicates too.
        readings: Rows of `WasherReading` and `ShoeReading`, by product.
        cycles, runs: Versions of sessions.
    """

    receipts: pa.Table = field(default_factory=arrow_schema(Receipt).empty_table)
    readings: Mapping[Product, pa.Table] = field(
        default_factory=lambda: {
            "washer": arrow_schema(WasherReading).empty_table(),
            "shoe": arrow_schema(ShoeReading).empty_table(),
        }
    )
    cycles: Sequence[WashCycle] = ()
    runs: Sequence[Run] = ()
    refused: Sequence[Refused] = ()
    references: Sequence[Reference] = ()
