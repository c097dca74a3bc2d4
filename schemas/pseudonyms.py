"""Pseudonyms of people (decision D11): one person is one pseudonym; without the key nobody can tell who. Pure."""

from __future__ import annotations

import base64
import hashlib
import hmac

KEY_BYTES = 32
_DIGEST_BYTES = 16


def pseudonym(key: bytes, customer_id: str) -> str:
    """The pseudonym of a customer: `p` and 26 letters of 128 bits of HMAC-SHA256.

    >>> pseudonym(bytes(32), "cu-7-000001")
    'ppz53rpeyp2wmfh3tbx7bjsfwni'
    """
    digest = hmac.new(key, customer_id.encode(), hashlib.sha256).digest()[:_DIGEST_BYTES]
    return "p" + base64.b32encode(digest).decode().rstrip("=").lower()
