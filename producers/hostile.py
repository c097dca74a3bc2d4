"""Uploads made to break whoever reads them. Each sits in a field that the contract knows, so each must be refused.

After the idea of JSONTestSuite (Nicolas Seriot, "Parsing JSON is a Minefield"): what one reader refuses and another
takes for something else.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from random import Random

from producers.uploads import encode

TEXTS = (
    "'; drop table uploads; --",
    "../../../etc/passwd",
    "=cmd|' /C calc'!A0",
    "<script>alert(1)</script>",
    "{{7*7}} ${jndi:ldap://x}",
    "WM\x00-1",
    "WM-1\n",
    "\x1b[2JWM-1",
    "\u202eWM-1",  # from here on from right to left
    "WM\u200b-1",  # a space without width
    "ＷＭ-1",  # letters that only look like those of an identifier
    "",
    "A" * 65_536,
)
"""For fields that hold an identifier or a version."""
_TEXT_FIELDS = ("material", "firmware", "device_id")

NUMBERS = (
    b"NaN",
    b"Infinity",
    b"-Infinity",
    b"1e400",
    b"-1e400",
    b"9" * 5_000,
    b"0x1F",
    b"+1",
    b"01",
    b".5",
    b"1.",
    b"-",
)
"""For fields that hold an integer: not JSON, or no number that a program could hold, or none."""
_NUMBER_FIELDS = ("seq", "start_ms", "sent_at_ms", "lead_ms")

_SURROGATES = (b'"\\ud800"', b'"WM\\udfff-1"', b'"\\ud800\\ud800"')
_DEEPEST = 100_000


def hostile(value: bytes, rng: Random) -> bytes:
    """One way to break a reader, chosen evenly among the kinds, in an otherwise intact upload."""
    kind = rng.randrange(6)
    if kind == 0:
        return _with(value, rng.choice(_TEXT_FIELDS), _encoded(rng.choice(TEXTS)))
    if kind == 1:
        return _with(value, rng.choice(_NUMBER_FIELDS), rng.choice(NUMBERS))
    if kind == 2:
        return _with(value, "offset_ms", b"[" + rng.choice(NUMBERS) + b"]")
    if kind == 3:
        return _with(value, rng.choice(_TEXT_FIELDS), rng.choice(_SURROGATES))
    if kind == 4:
        return _with(value, "offset_ms", b"[" * _DEEPEST + b"]" * _DEEPEST)
    return _twice(value, rng.choice((*_TEXT_FIELDS, *_NUMBER_FIELDS)))


def _with(value: bytes, field: str, raw: bytes) -> bytes:
    """The upload with that field's content written as it is, JSON or not."""
    fields: Mapping[str, object] = json.loads(value)
    pairs = (_encoded(name) + b":" + (raw if name == field else _encoded(content)) for name, content in fields.items())
    return b"{" + b",".join(pairs) + b"}"


def _twice(value: bytes, field: str) -> bytes:
    """One key twice: readers differ in which of the two they take."""
    return value[:-1] + b"," + encode({field: json.loads(value)[field]})[1:]


def _encoded(content: object) -> bytes:
    """A value of an upload as `producers.uploads.encode` writes it."""
    return json.dumps(content, separators=(",", ":")).encode()
