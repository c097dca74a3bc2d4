"""Templates for a load: whole sessions of the simulated fleet, each upload as bytes with room for what differs.

What differs from device to device and from session to session stands first, in places that are the same for all
uploads of a product: JSON minds neither the order of fields nor blanks before a number.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import groupby, pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from producers.fleet import FIRST_DAY_MS, fleet
from producers.load_digits import GROUP, Bytes, Integers
from producers.simulation import member_uploads
from producers.uploads import Part, Session, Upload, encode
from schemas.errors import UsageError
from schemas.fields import EventTimeMs
from schemas.fleet import FleetDevice, Product
from schemas.forms import Column, columns
from schemas.uploads import ShoeUpload, WasherUpload

CONTRACTS: Mapping[Product, type[WasherUpload | ShoeUpload]] = {"washer": WasherUpload, "shoe": ShoeUpload}
"""What a load's uploads follow: the first version of each product."""

NUMBER_WIDTH = 3 * GROUP
LONG_WIDTH = 4 * GROUP
"""Of instants, and of counters with three decimals."""

_DAYS = 30
_MEMBERS_PER_TEMPLATE = 4
_QUIET_MS = 60_000
"""Between the last upload of a session and the next session: as little as the simulator leaves."""

_INSTANT = EventTimeMs.__metadata__[0].json_schema_extra["unit"]  # type: ignore[attr-defined]


@dataclass(frozen=True)
class Played:
    """One session as the simulator told it.

    Attributes:
        before: The upload before it, which knows the lifetime counters when it began.
        told: The fields of each of its uploads.
    """

    device: FleetDevice
    session: Session
    parts: list[Part]
    before: dict[str, Any]
    told: list[dict[str, Any]]


@dataclass(frozen=True)
class Templates:
    """Sessions of one product. Arrays have an entry per session, or one per upload, session after session.

    Attributes:
        slots: Where in `rows` each field that differs stands.
        rows: An upload a row: bytes with blank slots, and NULs behind them.
        first, upload_count: The uploads of each session.
        period_ms: From the start of each session to the earliest next one of its device.
        sent_ms, start_ms, last_reading_ms: Of each upload, since its session began.
        amount, reading_count, ends_session: Of each upload, as `schemas.truth.TrueUpload` has them.
        counted: What each lifetime counter has gained since the session began: whole ones, or thousandths.
        gained: The same, when the session is over.
    """

    product: Product
    sessions: list[Played]
    slots: Mapping[str, slice]
    rows: Bytes
    first: Integers
    upload_count: Integers
    period_ms: Integers
    sent_ms: Integers
    start_ms: Integers
    last_reading_ms: Integers
    amount: NDArray[np.float64]
    reading_count: Integers
    ends_session: NDArray[np.bool_]
    counted: Mapping[str, Integers]
    gained: Mapping[str, Integers]


def templates(product: Product, wanted: int, seed: int, name_width: int) -> Templates:
    """So many sessions of the seed's simulated fleet, of a device each.

    Args:
        wanted: >= 1.
        name_width: Length of the device identifiers that have to fit in.
    Raises:
        UsageError: The fleet does not have so many.
    """
    members = wanted * _MEMBERS_PER_TEMPLATE
    of = fleet(seed, *((members, 0) if product == "washer" else (0, members)), FIRST_DAY_MS, _DAYS)
    found: list[Played] = []
    for member in of.members:
        played = whole_session(product, member.device, member_uploads(of, member))
        if played is not None:
            found.append(played)
        if len(found) == wanted:
            return _templates(product, found, name_width)
    raise UsageError(f"--templates {wanted}: {len(found)} were found among {members} devices of seed {seed}")


def whole_session(product: Product, device: FleetDevice, uploads: Iterable[Upload]) -> Played | None:
    """The first session that can be played again and again: all of it was told, and nothing odd happened."""
    before: list[dict[str, Any]] = []
    for session, group in groupby(uploads, lambda upload: None if upload.part is None else upload.part.session):
        made = list(group)
        told = [json.loads(upload.value) for upload in made]
        parts = [upload.part for upload in made if upload.part is not None]
        if session is not None and before and _is_sound(product, [before[-1], *told], made, parts):
            return Played(device, session, parts, before[-1], told)
        before = told
    return None


def _is_sound(product: Product, told: list[dict[str, Any]], made: list[Upload], parts: list[Part]) -> bool:
    """Whether a session's uploads, the one before them first, are whole, in order, and of one board and firmware."""
    steady = ("material", "firmware", "board_no", "schema_version")
    rising = ("seq", "sent_at_ms", *_counters(product))
    return (
        parts[-1].ends_session
        and all(upload.mistake is None for upload in made)
        and "schema_version" not in told[0]
        and all(fields.get(name) == told[0].get(name) for fields in told for name in steady)
        and all(fields[name] is not None for fields in told for name in rising)
        and all(later[name] >= fields[name] for fields, later in pairwise(told) for name in rising)
        and told[-1]["seq"] - told[0]["seq"] == len(parts)
    )


def _templates(product: Product, sessions: list[Played], name_width: int) -> Templates:
    slots, head = _head(product, name_width)
    told = [(played, fields) for played in sessions for fields in played.told]
    parts = [(played.session.started_at_ms, part) for played in sessions for part in played.parts]
    upload_count = np.array([len(played.told) for played in sessions])
    first = np.cumsum(upload_count) - upload_count
    values = [head + encode({name: fields[name] for name in fields if name not in slots})[1:] for _, fields in told]
    sent_ms = np.array([fields["sent_at_ms"] - played.session.started_at_ms for played, fields in told])
    counted = {
        name: np.array([_gained(name, played.before, fields, scale) for played, fields in told])
        for name, scale in _counters(product).items()
    }
    last = first + upload_count - 1
    return Templates(
        product=product,
        sessions=sessions,
        slots=slots,
        rows=np.array(values).view(np.uint8).reshape(len(values), -1),
        first=first,
        upload_count=upload_count,
        period_ms=_whole_seconds(sent_ms[last] + _QUIET_MS),
        sent_ms=sent_ms,
        start_ms=np.array([fields["start_ms"] - played.session.started_at_ms for played, fields in told]),
        last_reading_ms=np.array([part.last_reading_ms - started_ms for started_ms, part in parts]),
        amount=np.array([part.amount for _, part in parts]),
        reading_count=np.array([len(fields["offset_ms"]) for _, fields in told]),
        ends_session=np.array([part.ends_session for _, part in parts]),
        counted=counted,
        gained={name: gained[last] for name, gained in counted.items()},
    )


def _head(product: Product, name_width: int) -> tuple[dict[str, slice], bytes]:
    """The beginning of every upload of a product, and its slots."""
    number = CONTRACTS[product].session_fields()[0]
    head, slots = b"{", {}
    for column in columns(CONTRACTS[product]):
        name, quote = column.name, b""
        if name == "device_id":
            width, quote = name_width, b'"'
        elif column.unit == _INSTANT or (name in _counters(product) and column.value.kind == "float"):
            width = LONG_WIDTH
        elif name in ("seq", number, *_counters(product)):
            width = NUMBER_WIDTH
        else:
            continue
        head += f'"{name}":'.encode() + quote
        slots[name] = slice(len(head), len(head) + width)
        head += b" " * width + quote + b","
    return slots, head


def _counters(product: Product) -> dict[str, int]:
    """The lifetime counters of a product, and what they are multiplied by to be whole numbers."""
    return {
        column.name: _scale(column) for column in columns(CONTRACTS[product]) if column.name.startswith("lifetime_")
    }


def _scale(column: Column) -> int:
    return 1_000 if column.value.kind == "float" else 1


def _gained(name: str, before: dict[str, Any], fields: dict[str, Any], scale: int) -> int:
    gained: float = fields[name] - before[name]
    return round(gained * scale)


def _whole_seconds(duration_ms: Integers) -> Integers:
    return -(-duration_ms // 1_000) * 1_000
