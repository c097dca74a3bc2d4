"""What faults make of an upload's bytes. Pure: the same bytes and the same random numbers give the same."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from random import Random
from typing import Any

from producers.hostile import hostile
from producers.uploads import encode
from schemas.truth import Fault
from schemas.uploads import MAX_UPLOAD_BYTES

Change = Callable[[bytes, Random], bytes]
"""Takes an intact upload, a JSON object as `producers.uploads.encode` writes it."""

_REQUIRED = ("device_id", "seq", "sent_at_ms", "material", "firmware", "start_ms", "lead_ms", "offset_ms")
_MOST_DRIFT_MS = 600_000
_UNSET_CLOCK_MS = 10 * 86_400_000
_YEAR_9999_MS = 253_370_764_800_000
_MOST_BYTES_TOO_MANY = 20_000
"""Kafka takes 1,048,588 bytes, key and heading of the record included."""

_FOREIGN = (
    b"<html><body>502 Bad Gateway</body></html>",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc",
    b"OK",
    b"seq=17;power_w=2011.5",
    b"null",
    b'"upload"',
)


def altered(value: bytes, rng: Random) -> bytes:
    """Another body under the same number, as the contract wants it: sent later, without the last reading."""
    fields = json.loads(value)
    fields = {name: found[:-1] if isinstance(found, list) else found for name, found in fields.items()}
    return encode({**fields, "sent_at_ms": fields["sent_at_ms"] + rng.randint(1, 1_000)})


def _clock_drift(value: bytes, rng: Random) -> bytes:
    """The heading's clock only. Readings would otherwise belong to another time, and their session with them."""
    drift_ms = rng.choice((-1, 1)) * rng.randint(60_000, _MOST_DRIFT_MS)
    fields = json.loads(value)
    return encode({**fields, "sent_at_ms": fields["sent_at_ms"] + drift_ms})


def _unknown_field(value: bytes, rng: Random) -> bytes:
    news: list[tuple[str, Any]] = [
        ("wifi_rssi_dbm", -67),
        ("mood", "good"),
        ("ambient", {"temperature": 21.5, "rooms": ["cellar", "käk"]}),
        ("trace", [[1, 2], [3, None]]),
        ("battery_pct", None),
    ]
    return _changed(value, *rng.choice(news))


def _clock_1970(value: bytes, rng: Random) -> bytes:
    return _at(value, rng.randint(0, _UNSET_CLOCK_MS))


def _clock_9999(value: bytes, rng: Random) -> bytes:
    return _at(value, _YEAR_9999_MS + rng.randint(0, 364 * 86_400_000))


def _truncated(value: bytes, rng: Random) -> bytes:
    return value[: rng.randint(1, len(value) - 1)]


def _wrong_type(value: bytes, rng: Random) -> bytes:
    wrong: list[tuple[str, Any]] = [
        ("seq", "seven"),
        ("seq", 1.5),
        ("seq", None),
        ("start_ms", {"at": 0}),
        ("offset_ms", "0,15000"),
        ("device_id", 7),
        ("lead_ms", [15_000]),
    ]
    return _changed(value, *rng.choice(wrong))


def _wrong_value(value: bytes, rng: Random) -> bytes:
    return rng.choice((_out_of_range, _unequal_lengths, _missing_field))(value, rng)


def _out_of_range(value: bytes, rng: Random) -> bytes:
    wrong: list[tuple[str, Any]] = [
        ("seq", -1),
        ("seq", 2**53),
        ("lead_ms", 3_600_000),
        ("lead_ms", -1),
        ("firmware", "3.2.1-beta"),
        ("offset_ms", [-1]),
    ]
    return _changed(value, *rng.choice(wrong))


def _unequal_lengths(value: bytes, _rng: Random) -> bytes:
    fields = json.loads(value)
    return encode({**fields, "offset_ms": [*fields["offset_ms"], 86_400_000]})


def _missing_field(value: bytes, rng: Random) -> bytes:
    fields = json.loads(value)
    del fields[rng.choice(_REQUIRED)]
    return encode(fields)


def _wrong_encoding(value: bytes, rng: Random) -> bytes:
    if rng.random() < 0.3:
        return value.decode().encode(rng.choice(("utf-16", "utf-16-le", "utf-32")))
    at = value.index(b'"material":"') + len(b'"material":"')
    return value[:at] + rng.choice((b"\xff", b"\xc3\x28", b"\xed\xa0\x80", b"\xe4")) + value[at:]


def _foreign(value: bytes, rng: Random) -> bytes:
    """Something else, or uploads as no device sends them: in a list, two in one record, or one and a piece."""
    return rng.choice((*_FOREIGN, b"[" + value + b"]", value + b"\n" + value, value + value[:20]))


def _one_byte(_value: bytes, rng: Random) -> bytes:
    return bytes([rng.randrange(256)])


def _oversized(value: bytes, rng: Random) -> bytes:
    """An intact upload but for a field of a megabyte: only its size is wrong."""
    size = MAX_UPLOAD_BYTES + rng.randint(1, _MOST_BYTES_TOO_MANY)
    head = value[:-1] + b',"log":"'
    return head + b"." * (size - len(head) - 2) + b'"}'


def _empty(_value: bytes, _rng: Random) -> bytes:
    return b""


def _at(value: bytes, at_ms: int) -> bytes:
    return encode({**json.loads(value), "sent_at_ms": at_ms, "start_ms": at_ms})


def _changed(value: bytes, field: str, content: Any) -> bytes:
    return encode({**json.loads(value), field: content})


HARMLESS: Mapping[Fault, Change] = {"clock_drift": _clock_drift, "unknown_field": _unknown_field}
"""What the contract must let in all the same."""

BROKEN: Mapping[Fault, Change] = {
    "clock_1970": _clock_1970,
    "clock_9999": _clock_9999,
    "truncated": _truncated,
    "wrong_type": _wrong_type,
    "wrong_value": _wrong_value,
    "wrong_encoding": _wrong_encoding,
    "foreign": _foreign,
    "hostile": hostile,
    "one_byte": _one_byte,
    "oversized": _oversized,
    "empty": _empty,
}
"""What the contract must refuse; `clock_9999` by its time alone, which lies after the day it was received."""
