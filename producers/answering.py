"""Uploads that simulated devices send again because they were asked to: made anew from the same seed's life."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterator, Mapping

from producers.fleet import Fleet, Member
from producers.simulation import member_uploads
from producers.uploads import Delivery, Upload
from schemas.desk import DEVICE_MEMORY_UPLOADS


def sent_again(fleet: Fleet, asked: Mapping[str, Collection[int]], newest: Mapping[str, int]) -> Iterator[Delivery]:
    """What the devices still have of what they are asked for, byte for byte as it was, device by device.

    A device remembers its newest `DEVICE_MEMORY_UPLOADS` uploads. On this way nothing goes wrong.

    Args:
        fleet: All days that its devices have told of, from the first one on.
        asked: Numbers by device; of other fleets' devices nothing is sent.
        newest: The highest number that each device has sent so far: it has lived no longer.
    """
    for member in fleet.members:
        device_id = member.device.device_id
        if device_id in asked and device_id in newest:
            yield from _of_member(fleet, member, asked[device_id], newest[device_id])


def _of_member(fleet: Fleet, member: Member, asked: Collection[int], newest: int) -> Iterator[Delivery]:
    memory: deque[Upload] = deque(maxlen=DEVICE_MEMORY_UPLOADS)
    for upload in member_uploads(fleet, member):
        if upload.seq > newest:
            break
        memory.append(upload)
    if memory:
        now_ms = memory[-1].sent_at_ms
        for upload in memory:
            if upload.seq in asked:
                yield Delivery(upload, upload.value, now_ms, "wrong_unit" if upload.mistake else None)
