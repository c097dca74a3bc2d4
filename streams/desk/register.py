"""What the record systems know of the devices of one partition, as of any instant. Pure.

Each device's newest record of each kind counts (`revision`); which one came first does not matter.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property

from schemas.reference import (
    ConsentReference,
    ContractKind,
    ContractReference,
    CustodyKind,
    CustodyReference,
    DeviceReference,
    Goal,
    History,
    Purpose,
    Reference,
)

FOREVER_MS = 2**62
"""The end of what has none."""


@dataclass(frozen=True, slots=True)
class Interval:
    """A time in which something holds: [from_ms, to_ms), without an end if `to_ms` is None."""

    from_ms: int
    to_ms: int | None

    def holds_at(self, at_ms: int) -> bool:
        return self.from_ms <= at_ms and (self.to_ms is None or at_ms < self.to_ms)


@dataclass(frozen=True, slots=True)
class Custody(Interval):
    """Somebody's time with a device."""

    kind: CustodyKind
    subject: str
    country: str
    time_zone: str
    language: str
    insights_per_week: int
    max_heart_rate_bpm: float | None
    goal: Goal | None
    weekly_km: float | None
    runs_per_week: int | None


@dataclass(frozen=True, slots=True)
class ServiceContract(Interval):
    """What a device is used under, and what energy and water cost there, in `currency`."""

    contract_no: str
    kind: ContractKind
    currency: str
    energy_price_per_kwh: float
    water_price_per_m3: float


@dataclass(frozen=True, slots=True)
class Consent(Interval):
    """What somebody agreed to."""

    subject: str
    purpose: Purpose


@dataclass(frozen=True)
class Known:
    """All that the record systems know of one device."""

    device: DeviceReference | None = None
    custody: CustodyReference | None = None
    contract: ContractReference | None = None
    consent: ConsentReference | None = None

    @property
    def is_registered(self) -> bool:
        """Whether ERP knows the unit."""
        return self.device is not None

    @property
    def material(self) -> str | None:
        return None if self.device is None else self.device.material

    def custody_at(self, at_ms: int) -> Custody | None:
        """Who had it then; None: nobody."""
        return next((own for own in self.custodies if own.holds_at(at_ms)), None)

    def contract_at(self, at_ms: int) -> ServiceContract | None:
        """What it was used under then."""
        return next((own for own in self.contracts if own.holds_at(at_ms)), None)

    def agreed_at(self, purpose: Purpose, subject: str, at_ms: int) -> bool:
        """Whether that person had agreed to that purpose then."""
        return any(own.holds_at(at_ms) for own in self.consents if own.purpose == purpose and own.subject == subject)

    def agreed(self, purpose: Purpose) -> tuple[tuple[int, int], ...] | None:
        """When whoever had the device had agreed to a purpose, as ascending intervals; None where nobody told."""
        return self._agreed.get(purpose, ()) if self.consent is not None else None

    @cached_property
    def _agreed(self) -> dict[Purpose, tuple[tuple[int, int], ...]]:
        found: dict[Purpose, list[tuple[int, int]]] = {}
        for own in self.consents:
            for custody in self.custodies:
                start_ms = max(own.from_ms, custody.from_ms)
                end_ms = min(FOREVER_MS if end is None else end for end in (own.to_ms, custody.to_ms))
                if own.subject == custody.subject and start_ms < end_ms:
                    found.setdefault(own.purpose, []).append((start_ms, end_ms))
        return {purpose: _united(intervals) for purpose, intervals in found.items()}

    @cached_property
    def custodies(self) -> tuple[Custody, ...]:
        names = (
            "kind subject country time_zone language insights_per_week max_heart_rate_bpm goal weekly_km runs_per_week"
        )
        return tuple(Custody(*row) for row in _rows(self.custody, names))  # type: ignore[arg-type]

    @cached_property
    def contracts(self) -> tuple[ServiceContract, ...]:
        names = "contract_no kind currency energy_price_per_kwh water_price_per_m3"
        return tuple(ServiceContract(*row) for row in _rows(self.contract, names))  # type: ignore[arg-type]

    @cached_property
    def consents(self) -> tuple[Consent, ...]:
        return tuple(Consent(*row) for row in _rows(self.consent, "subject purpose"))  # type: ignore[arg-type]


_FIELD: dict[type[Reference], str] = {
    DeviceReference: "device",
    CustodyReference: "custody",
    ContractReference: "contract",
    ConsentReference: "consent",
}


def _united(intervals: list[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    """The same instants in ascending intervals that do not touch."""
    united: list[tuple[int, int]] = []
    for start_ms, end_ms in sorted(intervals):
        if united and start_ms <= united[-1][1]:
            united[-1] = united[-1][0], max(united[-1][1], end_ms)
        else:
            united.append((start_ms, end_ms))
    return tuple(united)


NOTHING = Known()


@dataclass
class Register:
    """What is known of each device."""

    _known: dict[str, Known] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self._known)

    def learn(self, reference: Reference) -> bool:
        """Take a record in; whether it is news. An older revision than known is none."""
        known = self._known.get(reference.device_id, NOTHING)
        name = _FIELD[type(reference)]
        old: Reference | None = getattr(known, name)
        if old is not None and old.revision >= reference.revision:
            return False
        fields = {**{own: getattr(known, own) for own in _FIELD.values()}, name: reference}
        self._known[reference.device_id] = Known(**fields)
        return True

    def of(self, device_id: str) -> Known:
        """What is known of a device; `NOTHING` for one that no record system told of."""
        return self._known.get(device_id, NOTHING)


EMPTY = Register()
"""Where nothing is known of any device. Never taught."""


def _rows(history: History | None, names: str) -> Iterator[tuple[object, ...]]:
    if history is None:
        return iter(())
    columns = [getattr(history, name) for name in names.split()]
    return zip(history.from_ms, history.to_ms, *columns, strict=True)
