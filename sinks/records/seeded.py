"""What CRM and billing hold of a fleet's life: who had which unit when, under which contract and consents. Pure.

The same fleet gives the same rows, and a longer life of it the same ones and more: only what was open may have ended.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time
from itertools import groupby
from operator import attrgetter
from random import Random
from zoneinfo import ZoneInfo

from schemas.fleet import FleetDevice, LifeEvent
from schemas.reference import ContractKind, CustodyKind, Purpose

_PAID_BY_USE: dict[str, tuple[tuple[ContractKind, float], ...]] = {
    "washer": (("pay_per_wash", 0.1), ("flat", 0.05)),
    "shoe": (("pay_per_km", 0.06), ("flat", 0.04)),
}
"""Share of units that their first owner rents; the others are owned."""

_COACHED = 0.8
_CARED_FOR = 0.85
"""Shares of those who could have advice and agree to it: runners whose health values are kept; owners of washers."""


@dataclass(frozen=True, slots=True)
class Held:
    """Somebody's time with a unit, the number of it among the unit's, and what they pay by there."""

    device_id: str
    number: int
    from_at: datetime
    to_at: datetime | None
    customer_id: str
    kind: CustodyKind
    contract_kind: ContractKind
    country: str
    time_zone: str
    product: str
    health_consent: bool | None

    @property
    def contract_no(self) -> str:
        return f"ct-{self.device_id}-{self.number}"


@dataclass(frozen=True, slots=True)
class Consented:
    """What somebody agreed to; of one unit, or of all of theirs if it is None."""

    customer_id: str
    device_id: str | None
    purpose: Purpose
    granted_at: datetime

    @property
    def consent_no(self) -> str:
        return "-".join(filter(None, ("co", self.customer_id, self.purpose, self.device_id)))


@dataclass(frozen=True, slots=True)
class Last:
    """The newest custody of a unit that CRM knows of."""

    from_at: datetime
    to_at: datetime | None
    customer_id: str


@dataclass(frozen=True)
class CustodyNews:
    """What CRM has to add: new rows, and ends of the row that was a unit's last, by unit and begin."""

    added: list[Held]
    ended: dict[tuple[str, datetime], datetime]


def held_by(devices: Sequence[FleetDevice], events: Iterable[LifeEvent] = ()) -> list[Held]:
    """Who had each unit, by unit and time. A unit that nobody activated has no known owner.

    Args:
        events: Of these units, in the order of time. Without a unit's sale it is had from midnight of its day.
    """
    lives: defaultdict[str, list[LifeEvent]] = defaultdict(list)
    for event in events:
        lives[event.device_id].append(event)
    return [held for device in devices for held in _held(device, lives[device.device_id])]


def _held(device: FleetDevice, life: Sequence[LifeEvent]) -> Iterator[Held]:
    if device.customer_id is None:
        return
    sold = next((_instant(event.at_ms) for event in life if event.kind == "sold"), _midnight(device))
    contract = _contract_kind(device)
    turns = [(sold, device.customer_id, device.country, device.time_zone, device.health_consent)]
    turns += [
        (_instant(event.at_ms), event.customer_id, event.country, event.time_zone, event.health_consent)
        for event in life
        if event.kind == "resold" and event.customer_id is not None
    ]
    ends = [*(turn[0] for turn in turns[1:]), None]
    for number, (turn, end) in enumerate(zip(turns, ends, strict=True), start=1):
        begin, customer_id, country, time_zone, health_consent = turn
        yield Held(
            device_id=device.device_id,
            number=number,
            from_at=begin,
            to_at=end,
            customer_id=customer_id,
            kind="resold" if number > 1 else "sold" if contract == "owned" else "rented",
            contract_kind="owned" if number > 1 else contract,
            country=country,
            time_zone=time_zone,
            product=device.product,
            health_consent=health_consent,
        )


def _contract_kind(device: FleetDevice) -> ContractKind:
    """How the first owner pays; the same for both shoes of a pair."""
    pair = device.device_id if device.paired_with is None else min(device.device_id, device.paired_with)
    drawn = Random(f"{pair}/contract").random()
    for kind, share in _PAID_BY_USE[device.product]:
        if drawn < share:
            return kind
        drawn -= share
    return "owned"


def custody_news(known: Mapping[str, Last], wanted: Iterable[Held]) -> CustodyNews:
    """What CRM lacks. Of a unit it knows, only who came after the last it knows of: the rest is its own business.

    Args:
        wanted: By unit and time.
    """
    added: list[Held] = []
    ended: dict[tuple[str, datetime], datetime] = {}
    for device_id, grouped in groupby(wanted, attrgetter("device_id")):
        lives, last = list(grouped), known.get(device_id)
        later = lives if last is None else _after(last, lives)
        if later and last is not None and last.to_at is None:
            ended[device_id, last.from_at] = later[0].from_at
        added += later
    return CustodyNews(added, ended)


def _after(last: Last, lives: list[Held]) -> list[Held]:
    """Who came after the last that CRM knows of, whose begin somebody may have moved."""
    same = [own for own in lives if own.customer_id == last.customer_id]
    if not same:
        return [own for own in lives if own.from_at > last.from_at]
    return lives[min(same, key=lambda own: abs(own.from_at - last.from_at)).number :]


def consents(held: Iterable[Held], tracked: Collection[tuple[str, str]]) -> list[Consented]:
    """What people agreed to, from when they first had what it is about.

    Args:
        tracked: Units and customers who agree to the keeping of positions.
    """
    found: dict[str, Consented] = {}
    for own in sorted(held, key=lambda own: (own.from_at, own.device_id)):
        for purpose, device_id in _agreed(own, tracked):
            consent = Consented(own.customer_id, device_id, purpose, own.from_at)
            found.setdefault(consent.consent_no, consent)
    return list(found.values())


def _agreed(own: Held, tracked: Collection[tuple[str, str]]) -> Iterator[tuple[Purpose, str | None]]:
    answers = Random(f"{own.customer_id}/consents")
    is_coached, is_cared_for = answers.random() < _COACHED, answers.random() < _CARED_FOR
    if own.health_consent:
        yield "health", None
    if own.health_consent and is_coached:
        yield "coaching", None
    if (own.device_id, own.customer_id) in tracked:
        yield "location", own.device_id
    if own.product == "washer" and is_cared_for:
        yield "care", None


def _instant(at_ms: int) -> datetime:
    return datetime.fromtimestamp(at_ms / 1000, UTC)


def _midnight(device: FleetDevice) -> datetime:
    return datetime.combine(device.sold_on, time(), ZoneInfo(device.time_zone)).astimezone(UTC)
