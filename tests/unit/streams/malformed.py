"""Uploads written in odd ways, and what becomes of records that hold them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import pytest

from schemas.failures import FailedEvent
from schemas.uploads import Upload
from streams.batch import Place
from streams.decode import Decoder
from streams.intake import taken_in
from streams.product import SHOE, WASHER, Product
from streams.refusal import REASONS
from streams.state import State
from streams.step import step
from tests.unit.streams.building import NOON_MS, a_second_washer_upload, a_shoe_upload, a_washer_upload, encoded

UPLOADS: list[tuple[Product, dict[str, Any]]] = [
    (WASHER, a_washer_upload()),
    (WASHER, a_second_washer_upload()),
    (SHOE, a_shoe_upload()),
]
RECEIVED_MS = NOON_MS + 60_000
BEFORE, AFTER = 0, 1
"""Numbers of the sound upload before everything and of the one behind it."""


@dataclass(frozen=True)
class Record:
    """As Kafka hands it over."""

    key: bytes | None
    value: bytes | None
    offset: int
    timestamp: int = RECEIVED_MS
    headers: tuple[tuple[str, bytes], ...] = ()


@dataclass(frozen=True)
class Outcome:
    """What became of records, by their place in the batch."""

    accepted: list[int]
    duplicates: list[int]
    failed: dict[int, FailedEvent]


@cache
def decoder(versions: tuple[type[Upload], ...]) -> Decoder:
    return Decoder(versions)


def outcome(product: Product, values: Sequence[bytes | None], key: str | Sequence[str]) -> Outcome:
    """What becomes of values that come between two sound uploads, which are let in whatever stands between them."""
    sound = dict(a_shoe_upload() if product is SHOE else a_washer_upload())
    around = [encoded(sound | {"device_id": "sound", "seq": seq}) for seq in (BEFORE, AFTER)]
    all_values = [around[0], *values, around[1]]
    own = [key] * len(values) if isinstance(key, str) else key
    keys = [b"sound", *(name.encode() for name in own), b"sound"]
    records = [Record(*pair, offset) for offset, pair in enumerate(zip(keys, all_values, strict=True))]
    batch, refused = taken_in(decoder(product.versions), Place(product.telemetry, 0), records)
    said = step(product, State(product), batch, refused)
    receipts = list(zip(said.receipts["offset"].to_pylist(), said.receipts["outcome"].to_pylist(), strict=True))
    told = [offset for offset, _ in receipts] + [event.offset for event in said.failed]
    assert sorted(told) == list(range(len(records))), "in = accepted + failed + duplicates, each record once"
    assert {0, len(records) - 1} <= {offset for offset, verdict in receipts if verdict == "accepted"}
    for event in said.failed:
        assert event.original == (all_values[event.offset] or b"")
        assert event.reason in REASONS
        assert event.detail
    return Outcome(
        [offset - 1 for offset, verdict in receipts if verdict == "accepted" and 0 < offset <= len(values)],
        [offset - 1 for offset, verdict in receipts if verdict == "duplicate"],
        {event.offset - 1: event for event in said.failed},
    )


def a_field(upload: dict[str, Any], name: str, text: str) -> str:
    """The upload with one value written in these very characters, or added so."""
    written = {known: json.dumps(value) for known, value in upload.items()} | {name: text}
    return "{" + ", ".join(f'"{known}": {value}' for known, value in written.items()) + "}"


def plain(upload: dict[str, Any]) -> str:
    return json.dumps(upload)


KINDS = [pytest.param(product, upload, id=f"{product.telemetry}-{len(upload)}") for product, upload in UPLOADS]
