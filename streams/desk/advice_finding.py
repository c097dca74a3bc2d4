"""What a rule of advice finds: the numbers it went by, and what is to be said of them. Pure.

Quantities are kept as such until they are written: a reader's language and country decide how (`advice_texts`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

from schemas.desk import InsightKind
from schemas.reference import Purpose


@dataclass(frozen=True, slots=True)
class Money:
    """An amount. A rough one is written in whole units from ten on."""

    amount: Decimal
    currency: str
    is_rough: bool = False


@dataclass(frozen=True, slots=True)
class Number:
    value: float
    digits: int = 0


@dataclass(frozen=True, slots=True)
class Percent:
    value: float
    digits: int = 0


@dataclass(frozen=True, slots=True)
class Distance:
    km: float
    digits: int = 1


@dataclass(frozen=True, slots=True)
class Pace:
    """Time for a kilometre, or a mile; as the first of a range it is written without its unit."""

    s_per_km: float
    begins_range: bool = False


@dataclass(frozen=True, slots=True)
class Energy:
    wh: float


@dataclass(frozen=True, slots=True)
class Water:
    litres: float


@dataclass(frozen=True, slots=True)
class Milliseconds:
    value: float


@dataclass(frozen=True, slots=True)
class Day:
    """A local day."""

    day: date


@dataclass(frozen=True, slots=True)
class LocalDay:
    """The day of an instant, where the reader is."""

    at_ms: int


@dataclass(frozen=True, slots=True)
class LocalTime:
    """The time of day of an instant, where the reader is."""

    at_ms: int


@dataclass(frozen=True, slots=True)
class Word:
    """A message of the catalogue as a part of another one, with what its own placeholders stand for."""

    key: str
    values: Mapping[str, Quantity] = field(default_factory=dict)


Quantity = (
    Money | Number | Percent | Distance | Pace | Energy | Water | Milliseconds | Day | LocalDay | LocalTime | Word
)

Evidence = Mapping[str, int | float | str]
"""Numbers by names that end in their units."""


@dataclass(frozen=True)
class Finding:
    """Something that a rule has to say.

    Attributes:
        message: Key of the text in the catalogues, without `.text`. The title goes by `kind`.
        values: What the placeholders of title and text stand for.
        reason: The rule, in one English sentence.
        uses_health: Whether heart rate, contact times or what follows from them is behind it.
    """

    kind: InsightKind
    message: str
    values: Mapping[str, Quantity]
    evidence: Evidence
    reason: str
    uses_health: bool = False


WARNINGS: tuple[InsightKind, ...] = ("asymmetry", "fatigue", "filter_blocking", "descale", "shoe_worn_out")
TIPS: tuple[InsightKind, ...] = ("heart_rate_advice", "pace_advice", "next_session", "cycle_cost", "load_too_small")
PRIORITY: tuple[InsightKind, ...] = (*WARNINGS, *TIPS)
"""Who speaks first when more is to be said than a person wants to hear: harm to a body, to a machine, then money."""

COOLDOWN_DAYS: Mapping[InsightKind, int] = {
    "asymmetry": 14,
    "fatigue": 7,
    "filter_blocking": 14,
    "descale": 28,
    "shoe_worn_out": 60,
    "heart_rate_advice": 14,
    "pace_advice": 7,
    "next_session": 0,
    "cycle_cost": 7,
    "load_too_small": 14,
}
"""How long nothing of the same kind is said again to the same person."""

OF_ONE_SESSION: frozenset[InsightKind] = frozenset({"cycle_cost", "pace_advice"})
"""Kinds that speak of one session, so that one that comes late is still worth a word. The others say how things are by
now, which only the newest session of a device can."""

CARE: frozenset[InsightKind] = frozenset(
    {"cycle_cost", "descale", "filter_blocking", "load_too_small", "shoe_worn_out"}
)
"""Kinds that speak of the thing."""


def purpose_of(kind: InsightKind) -> Purpose:
    """What a person must have agreed to before they are told: care for what is said of the thing, coaching for what
    is said of their running."""
    return "care" if kind in CARE else "coaching"


def purposes(finding: Finding) -> tuple[Purpose, ...]:
    """The same, and health where health values are behind what was found."""
    own = purpose_of(finding.kind)
    return (own, "health") if finding.uses_health else (own,)
