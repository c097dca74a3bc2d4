"""Bytes that only who has the key can read, such as those of refused uploads. Pure.

A sealed value is `MAGIC`, the name of its key, a nonce, and the bytes, compressed and encrypted by AES-256-GCM with its
tag (NIST SP 800-38D). Whoever changes a bit of it, or moves it to another context, makes it unreadable.

The nonce is no random number but an HMAC of the context and of what is encrypted (as in RFC 5297 and RFC 8452), so that
a step over the same records writes the same bytes again. GCM forbids one thing: two different texts under one nonce. A
place of Kafka alone would not do, since topics can be made anew and offsets begin at 0 again; of an HMAC over the text
two different ones share 96 bits by chance only, one time in 2^33 among 2^32 sealed values. Equal bytes tell that the
same bytes were sealed twice in the same context, and nothing else.
"""

from __future__ import annotations

import hashlib
import hmac
import zlib

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from schemas.pseudonyms import KEY_BYTES

MAGIC = b"\x00vaxel-sealed\x01"
"""No JSON and no text begins like that; the last byte is the version."""

_NAME_BYTES, _NONCE_BYTES, _TAG_BYTES = 4, 12, 16
_LEVEL = 1
"""Of compression: neither Kafka nor Parquet can shrink what is encrypted, and JSON is mostly repetition."""


class BrokenSealError(ValueError):
    """Sealed bytes that are not as they were written, or lie elsewhere; another key than theirs is no such case."""


def seal(key: bytes, original: bytes, context: bytes) -> bytes:
    """The sealed bytes; the same key, bytes and context give the same ones again.

    Args:
        key: `KEY_BYTES` long.
        context: What they are and where they belong; needed again to read them.
    """
    packed = zlib.compress(original, _LEVEL)
    nonce = _derived(key, b"nonce", _framed(context) + packed)[:_NONCE_BYTES]
    return MAGIC + key_name(key) + nonce + _cipher(key).encrypt(nonce, packed, context)


def unseal(key: bytes, sealed: bytes, context: bytes) -> bytes:
    """The bytes that were sealed.

    Raises:
        BrokenSealError: They are not as they were written, or belong into another context.
        ValueError: They are not sealed, or by another key.
    """
    if not is_sealed(sealed):
        raise ValueError("these bytes are not sealed")
    head = len(MAGIC) + _NAME_BYTES
    name, nonce, text = sealed[len(MAGIC) : head], sealed[head : head + _NONCE_BYTES], sealed[head + _NONCE_BYTES :]
    if len(text) < _TAG_BYTES:
        raise BrokenSealError("the sealed bytes are cut off")
    if name != key_name(key):
        raise ValueError(f"they are sealed by key {name.hex()}, and the key here is {key_name(key).hex()}")
    try:
        return zlib.decompress(_cipher(key).decrypt(nonce, text, context))
    except (InvalidTag, zlib.error) as error:
        raise BrokenSealError("the sealed bytes are not as they were written, or belong elsewhere") from error


def is_sealed(value: bytes) -> bool:
    """Whether the value says that it is sealed; what older workers wrote is not."""
    return value.startswith(MAGIC)


def key_name(key: bytes) -> bytes:
    """What tells a key from others without telling the key.

    Raises:
        ValueError: It is no key.
    """
    return _derived(key, b"name", b"")[:_NAME_BYTES]


def context_of(kind: str, topic: str, partition: int, offset: int) -> bytes:
    """The context of what belongs to a record of Kafka.

    >>> context_of("failed-event", "telemetry.shoe.v1", 3, 41)
    b'failed-event telemetry.shoe.v1[3]@41'
    """
    return f"{kind} {topic}[{partition}]@{offset}".encode()


def _cipher(key: bytes) -> AESGCM:
    return AESGCM(_derived(key, b"encrypt", b""))


def _derived(key: bytes, purpose: bytes, text: bytes) -> bytes:
    """32 bytes of HMAC-SHA256, for one purpose: the key itself is used for nothing else."""
    if len(key) != KEY_BYTES:
        raise ValueError(f"a key of {len(key)} bytes; {KEY_BYTES} are accepted")
    return hmac.new(key, b"vaxel sealing " + _framed(purpose) + text, hashlib.sha256).digest()


def _framed(part: bytes) -> bytes:
    """With its length before it, so that no two pairs of parts give the same bytes."""
    return len(part).to_bytes(8, "big") + part
