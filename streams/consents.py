"""Which readings may not be kept, by what the record systems know of consents when they were measured. Pure.

A device tells with each upload whether its user agrees; that is asked first. What record systems know
of the device can only take away from it: a consent withdrawn there, or never given by whoever had the device then,
counts from its instant on, whatever the device says. Of a device that no record system told consents of, its own word
is all there is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

import numpy as np
import numpy.typing as npt

from schemas.reference import Purpose
from streams.batch import Batch, Floats, Instants, channel
from streams.desk.register import Register

Mask = npt.NDArray[np.bool_]

CONSENT_FIELDS: Mapping[str, Purpose] = MappingProxyType({"health_consent": "health", "location_consent": "location"})
"""The consents that an upload tells, and the purpose that each stands for."""


def denied(register: Register, batch: Batch, when: Instants) -> dict[str, Mask]:
    """By field of `CONSENT_FIELDS`: readings for which record systems know of no consent. Empty where all may stay."""
    if not len(register) or not len(when.upload):
        return {}
    encoded = batch.uploads.column("device_id").combine_chunks().dictionary_encode()
    names = encoded.dictionary.to_pylist()
    code = np.asarray(encoded.indices.to_numpy(), dtype=np.int64)[when.upload]
    found: dict[str, Mask] = {}
    for field, purpose in CONSENT_FIELDS.items():
        intervals = [register.of(name).agreed(purpose) for name in names]
        is_told = np.array([own is not None for own in intervals], dtype=bool)
        mask: Mask = is_told[code] & ~_inside([own or () for own in intervals], code, when.measured_at_ms)
        if mask.any():
            found[field] = mask
    return found


def agreed(batch: Batch, name: str, when: Instants, consent: str = "health_consent") -> Floats:
    """A channel of health or place, NaN where its runner had not agreed to it, by the upload or by record systems."""
    found = batch.known.get((consent, name))
    if found is None:
        allowed = batch.flags(consent)[when.upload]
        if consent in batch.denied:
            allowed &= ~batch.denied[consent]
        found = batch.known[consent, name] = np.where(allowed, channel(batch, name, when), np.nan)
    return found


def _inside(
    intervals: Sequence[tuple[tuple[int, int], ...]], code: npt.NDArray[np.int64], at_ms: npt.NDArray[np.int64]
) -> Mask:
    """Which instants lie in an interval of their own device. Intervals of one device ascend and do not overlap."""
    rows = [(number, start_ms, end_ms) for number, own in enumerate(intervals) for start_ms, end_ms in own]
    if not rows:
        return np.zeros(len(code), dtype=bool)
    number, start_ms, end_ms = np.array(sorted(rows), dtype=np.int64).T
    # Rank instants and starts together, device by device: the interval before an instant is the one it may lie in.
    order = np.lexsort((np.append(start_ms, at_ms), np.append(number, code)), axis=0)
    is_start = order < len(number)
    before = np.empty(len(order), dtype=np.int64)
    before[order] = np.cumsum(is_start) - 1
    last = before[len(number) :]
    known = last >= 0
    inside = np.zeros(len(code), dtype=bool)
    inside[known] = (number[last[known]] == code[known]) & (at_ms[known] < end_ms[last[known]])
    return inside
