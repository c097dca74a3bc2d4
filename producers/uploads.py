"""An upload on its way, the session it tells of, and its JSON."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from schemas.fleet import Product
from schemas.truth import INTACT_FAULTS, Fault

_encode = json.JSONEncoder(separators=(",", ":"), check_circular=False, allow_nan=False).encode


def encode(fields: dict[str, Any]) -> bytes:
    """The upload as JSON bytes. Floats are written with the fewest digits that read back the same."""
    return _encode(fields).encode()


@dataclass(slots=True, frozen=True)
class Shape:
    """In what shape a machine was in one session, told to the truth alone (`schemas.truth.TrueCondition`)."""

    bearing: float
    scale_mm: float
    blocked_share: float
    load_kg: float
    unbalance_kg: float
    power_cut_s: float | None


@dataclass(slots=True, eq=False)
class Session:
    """One wash cycle or run as it happened.

    Attributes:
        amount: Energy of the whole cycle in Wh, or distance of the whole run in m.
        last_seq: Number of its last upload.
        shape: Of simulated washing machines only.
    """

    product: Product
    device_id: str
    material: str
    session_no: int | None
    started_at_ms: int
    ended_at_ms: int
    amount: float
    last_seq: int
    programme: str | None = None
    shape: Shape | None = None


@dataclass(slots=True, frozen=True)
class Part:
    """What one upload tells of its session.

    Attributes:
        amount: Energy of its readings in Wh (parts add up), or the largest distance in m (the largest part counts).
    """

    session: Session
    amount: float
    last_reading_ms: int
    ends_session: bool


@dataclass(slots=True, frozen=True, eq=False)
class Upload:
    """One upload as the device made it. Copies of it that are sent again are the same object.

    Attributes:
        mistake: The unit mistake that the device's firmware made in it (`schemas.fleet.LifeEvent.mistake`), if any.
    """

    topic: str
    device_id: str
    seq: int
    sent_at_ms: int
    reading_count: int
    value: bytes = field(repr=False)
    part: Part | None
    mistake: str | None = None


_COPIES: frozenset[Fault] = frozenset(["duplicated", "altered", "replayed"])


@dataclass(slots=True, frozen=True)
class Delivery:
    """One record to hand to Kafka, or one that never gets there: an upload, or what a fault made of it.

    Attributes:
        due_ms: When it leaves in the simulated time; never falls within one device.
    """

    upload: Upload
    value: bytes = field(repr=False)
    due_ms: int
    fault: Fault | None

    @property
    def intact(self) -> bool:
        """Whether the contract must let it in."""
        return self.fault is None or self.fault in INTACT_FAULTS

    @property
    def is_lost(self) -> bool:
        """Whether it is lost on its way: it is told to the truth, and not handed to Kafka."""
        return self.fault == "lost"

    @property
    def is_copy(self) -> bool:
        """Whether the same upload has been delivered before."""
        return self.fault in _COPIES
