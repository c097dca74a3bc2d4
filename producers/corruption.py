"""Ways an upload arrives broken. Every one of them must be refused by the contract."""

from __future__ import annotations

import json
from collections.abc import Callable
from random import Random
from typing import Any

from producers.uploads import encode

_REQUIRED = ("device_id", "seq", "sent_at_ms", "material", "firmware", "start_ms", "lead_ms", "offset_ms")
_FOREIGN = (
    b"<html><body>502 Bad Gateway</body></html>",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc",
    b"OK",
    b"seq=17;power_w=2011.5",
)


def corrupted(value: bytes, rng: Random) -> bytes:
    """The upload's bytes after one accident, chosen evenly.

    Args:
        value: An intact upload: a JSON object.
    """
    return rng.choice(ACCIDENTS)(value, rng)


def _truncated(value: bytes, rng: Random) -> bytes:
    return value[: rng.randint(1, len(value) - 1)]


def _empty(_value: bytes, _rng: Random) -> bytes:
    return b""


def _foreign(_value: bytes, rng: Random) -> bytes:
    return rng.choice(_FOREIGN)


def _invalid_utf8(value: bytes, rng: Random) -> bytes:
    at = value.index(b'"material":"') + len(b'"material":"')
    return value[:at] + rng.choice((b"\xff", b"\xc3\x28", b"\xed\xa0\x80")) + value[at:]


def _missing_field(value: bytes, rng: Random) -> bytes:
    fields = json.loads(value)
    del fields[rng.choice(_REQUIRED)]
    return encode(fields)


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


def _out_of_range(value: bytes, rng: Random) -> bytes:
    wrong: list[tuple[str, Any]] = [
        ("seq", -1),
        ("seq", 2**53),
        ("sent_at_ms", 86_400_000),  # a clock that was never set says 1970
        ("lead_ms", 3_600_000),
        ("lead_ms", -1),
        ("device_id", "../../etc/passwd"),
        ("firmware", "3.2.1-beta"),
        ("offset_ms", [-1]),
    ]
    return _changed(value, *rng.choice(wrong))


def _unequal_lengths(value: bytes, _rng: Random) -> bytes:
    fields = json.loads(value)
    return encode({**fields, "offset_ms": [*fields["offset_ms"], 86_400_000]})


def _not_an_object(value: bytes, _rng: Random) -> bytes:
    return b"[" + value + b"]"


def _trailing_data(value: bytes, _rng: Random) -> bytes:
    return value + value[:20]


def _changed(value: bytes, field: str, wrong: Any) -> bytes:
    return encode({**json.loads(value), field: wrong})


ACCIDENTS: tuple[Callable[[bytes, Random], bytes], ...] = (
    _truncated,
    _empty,
    _foreign,
    _invalid_utf8,
    _missing_field,
    _wrong_type,
    _out_of_range,
    _unequal_lengths,
    _not_an_object,
    _trailing_data,
)
