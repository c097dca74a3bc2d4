"""Merkle trees of RFC 6962 (section 2.1) over SHA-256: one short root stands for a list in its order. Pure.

Leaves and nodes are hashed with different prefixes, so that no inner node can be passed off as an item.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

LEAF = b"\x00"
NODE = b"\x01"


def root(items: Sequence[bytes]) -> bytes:
    """Root of the items in their order; of none, the hash of nothing."""
    if not items:
        return hashlib.sha256().digest()
    return _node([hashlib.sha256(LEAF + item).digest() for item in items])


def _node(hashes: Sequence[bytes]) -> bytes:
    if len(hashes) == 1:
        return hashes[0]
    split = largest_power_below(len(hashes))
    return hashlib.sha256(NODE + _node(hashes[:split]) + _node(hashes[split:])).digest()


def largest_power_below(count: int) -> int:
    """The largest power of two below the count, of two and more.

    >>> [largest_power_below(count) for count in (2, 3, 4, 5, 8, 9)]
    [1, 2, 2, 4, 4, 8]
    """
    return 1 << ((count - 1).bit_length() - 1)
