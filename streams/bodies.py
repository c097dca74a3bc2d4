"""Tells an upload that was sent again from another one that came under the same number. Pure.

Per device a ring holds 16 bits of each of the last `WINDOW` numbers' bodies: number n at n mod WINDOW. Another body is
taken for the same one time in 65,535; `vaxel verify` compares all bytes. 0 stands for a body that is not known.
"""

from __future__ import annotations

from collections.abc import Sequence
from zlib import crc32

import numpy as np
import numpy.typing as npt

from streams.dedupe import WINDOW, Verdict

Ints = npt.NDArray[np.int64]
Digests = npt.NDArray[np.uint16]
Verdicts = npt.NDArray[np.int8]

UNKNOWN = 0


def digests(bodies: Sequence[bytes]) -> Digests:
    """A digest of each body, never `UNKNOWN`; the same everywhere and in every version, since it is kept."""
    sums = np.fromiter(map(crc32, bodies), np.uint32, len(bodies))
    return (sums % 0xFFFF + 1).astype(np.uint16)


def altered(slot: Ints, seq: Ints, digest: Digests, verdict: Verdicts, ring: Digests) -> Ints:
    """Those of the duplicates whose body is not the one accepted under their number, ascending.

    Args:
        verdict: What dedup says of each upload of the batch.
        ring: Digests per device as they were before the batch, shape (devices, WINDOW).
    """
    duplicates = np.flatnonzero(verdict == Verdict.DUPLICATE)
    if not len(duplicates):
        return duplicates
    # The number may have been accepted in this very batch. What was before is in the ring: dedup reaches as far back.
    near = np.flatnonzero((verdict == Verdict.ACCEPTED) & np.isin(slot, slot[duplicates]))
    accepted = dict(zip(zip(slot[near].tolist(), seq[near].tolist(), strict=True), digest[near].tolist(), strict=True))
    kept = ring[slot[duplicates], seq[duplicates] % WINDOW].tolist()
    keys = zip(slot[duplicates].tolist(), seq[duplicates].tolist(), strict=True)
    before = np.array([accepted.get(key, known) for key, known in zip(keys, kept, strict=True)])
    others: Ints = duplicates[(before != UNKNOWN) & (before != digest[duplicates])]
    return others


def remember(slot: Ints, seq: Ints, digest: Digests, verdict: Verdicts, ring: Digests) -> None:
    """Keep the digests of accepted uploads in the ring; of numbers that share a place, the highest stays."""
    accepted = np.flatnonzero(verdict == Verdict.ACCEPTED)
    accepted = accepted[np.argsort(seq[accepted], kind="stable")]
    ring[slot[accepted], seq[accepted] % WINDOW] = digest[accepted]
