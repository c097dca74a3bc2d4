"""Many numbers, names and keys as bytes at once: columns of digits, and the partition that Kafka's clients choose."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Bytes = NDArray[np.uint8]
Integers = NDArray[np.int64]

GROUP = 4
"""Digits that are looked up together."""
_BASE = 10**GROUP

_SEED = np.uint32(0x9747B28C)
_M = np.uint32(0x5BD1E995)


def _table(*rows: str) -> NDArray[np.uint32]:
    return np.frombuffer("".join(rows).encode(), dtype=np.uint32)


_FULL = [f"{number:04d}" for number in range(_BASE)]
_LED = [f"{number:4d}" for number in range(_BASE)]
# Full digits behind others; digits after blanks; and the same where nothing at all stands for 0, as more follow.
_GROUPS = _table(*_FULL, *_LED, " " * GROUP, *_LED[1:])


def whole(values: Integers, width: int) -> Bytes:
    """Decimal digits of each value, blanks before them, a row each: what JSON takes as a number.

    Args:
        values: >= 0, of at most `width` digits.
        width: A multiple of `GROUP`.
    Raises:
        ValueError: A value does not fit.
    """
    left, groups = values, width // GROUP
    found = np.empty((values.size, groups), np.uint32)
    for group in reversed(range(groups)):
        above = left // _BASE
        led = _BASE if group == groups - 1 else 2 * _BASE
        found[:, group] = _GROUPS[left - above * _BASE + np.where(above > 0, 0, led)]
        left = above
    if left.any() or (values < 0).any():
        raise ValueError(f"numbers from {values.min()} to {values.max()} do not fit into {width} digits")
    return found.view(np.uint8)


def thousandths(values: Integers, width: int) -> Bytes:
    """Each value's thousandth part, written with three decimals: 1500 is `1.500`.

    Args:
        values: >= 0.
        width: Of all together; 4 more than a multiple of `GROUP`.
    """
    above = values // 1_000
    found = np.empty((values.size, width), np.uint8)
    found[:, :-GROUP] = whole(above, width - GROUP)
    found[:, -GROUP:] = _GROUPS[values - above * 1_000, None].view(np.uint8)
    found[:, -GROUP] = ord(".")  # in place of the first of four digits, which is 0
    return found


def named(prefix: str, numbers: Integers) -> Bytes:
    """`prefix` and six digits for each number, a row each.

    Args:
        numbers: 0 to 999,999.
    """
    found = np.empty((numbers.size, len(prefix) + 6), np.uint8)
    found[:, :-6] = np.frombuffer(prefix.encode(), np.uint8)
    digits = _GROUPS[np.stack([numbers // _BASE, numbers % _BASE], axis=1)].view(np.uint8)
    found[:, -6:] = digits[:, 2:]
    return found


def listed(rows: Bytes) -> list[bytes]:
    """Each row as bytes, without the NULs at its end."""
    found: list[bytes] = np.ascontiguousarray(rows).view(f"S{rows.shape[1]}").ravel().tolist()
    return found


def partitions_of(keys: Bytes, count: int) -> NDArray[np.int32]:
    """The partition of each key as Java's clients choose it: murmur2, made positive, modulo the number of partitions.

    Args:
        keys: A key a row, all equally long.
    Source: `org.apache.kafka.common.utils.Utils.murmur2`.
    """
    length = keys.shape[1]
    hashed = np.full(keys.shape[0], _SEED ^ np.uint32(length), np.uint32)
    words = np.ascontiguousarray(keys[:, : length // 4 * 4]).view("<u4")
    for word in range(length // 4):
        k = words[:, word] * _M
        k ^= k >> np.uint32(24)
        hashed = (hashed * _M) ^ (k * _M)
    for place in reversed(range(length % 4)):
        hashed ^= keys[:, length // 4 * 4 + place].astype(np.uint32) << np.uint32(8 * place)
    if length % 4:
        hashed *= _M
    hashed ^= hashed >> np.uint32(13)
    hashed *= _M
    hashed ^= hashed >> np.uint32(15)
    return ((hashed & np.uint32(0x7FFFFFFF)) % np.uint32(count)).astype(np.int32)
