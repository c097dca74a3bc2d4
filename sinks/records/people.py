"""Invented customers with believable names: the same customer number always gives the same person."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from random import Random

from schemas.reference import Goal

_LANGUAGES = {"SE": "sv", "DE": "de", "GB": "en", "FI": "fi", "US": "en", "JP": "ja"}
_FIRST = {
    "sv": "Astrid Elsa Karin Maja Saga Wilma Axel Erik Hugo Lars Nils Oskar",
    "de": "Anna Clara Heike Jana Lena Sabine Bernd Felix Jonas Jürgen Lukas Uwe",
    "en": "Alice Emily Grace Hannah Olivia Zoe Daniel George Harry Jack Noah Samuel",
    "fi": "Aino Eeva Helmi Kaisa Sanna Tuuli Antti Eero Jukka Mikko Pekka Väinö",
    "ja": "Aiko Emi Hana Keiko Sakura Yui Daichi Haruto Kenji Ren Sota Takumi",
}
_LAST = {
    "sv": "Andersson Bergström Dahl Ekman Forsberg Holm Lindqvist Nyström Sjögren Åkesson",
    "de": "Bauer Fischer Hoffmann Köhler Lange Müller Richter Schäfer Vogel Wagner",
    "en": "Baker Clarke Edwards Foster Harris Mitchell Parker Reed Turner Walsh",
    "fi": "Hämäläinen Järvinen Koskinen Laine Mäkelä Nieminen Rantanen Salonen Virtanen Ylönen",
    "ja": "Fujita Hayashi Ito Kobayashi Mori Nakamura Sato Suzuki Tanaka Yamamoto",
}


_INSIGHTS_PER_WEEK = ((0, 1, 2, 3, 5), (12, 18, 30, 25, 15))
_TELLS_HEART_RATE = 0.7
_HAS_PROGRAMME = 0.75
_GOALS: tuple[tuple[int, tuple[Goal, ...]], ...] = (
    (3, ("health", "health", "10k")),
    (5, ("10k", "10k", "half_marathon")),
    (14, ("half_marathon", "half_marathon", "marathon")),
)
"""What those prepare for who run up to so many times a week."""


@dataclass(frozen=True)
class Training:
    """How somebody runs."""

    highest_bpm: float
    runs_per_week: int
    weekly_km: float


@dataclass(frozen=True)
class Preference:
    """How somebody wants to be spoken to; None: not told, or no programme."""

    insights_per_week: int
    max_heart_rate_bpm: int | None = None
    goal: Goal | None = None
    weekly_km: int | None = None
    runs_per_week: int | None = None


@dataclass(frozen=True)
class Person:
    """What CRM knows about a customer."""

    name: str
    email: str
    language: str


def person(customer_id: str, country: str) -> Person:
    """The customer of that number; the address ends in `.example`, so no mail ever reaches anybody.

    >>> person("cu-1-000007", "SE").language
    'sv'
    """
    language = _LANGUAGES.get(country, "en")
    rng = Random(f"{customer_id}/person")
    first, last = rng.choice(_FIRST[language].split()), rng.choice(_LAST[language].split())
    return Person(f"{first} {last}", f"{_ascii(first)}.{_ascii(last)}.{customer_id.lower()}@mail.example", language)


def preference(customer_id: str, training: Training | None) -> Preference:
    """How the customer of that number wants to be spoken to.

    Args:
        training: How they run; None for somebody without shoes of ours.
    """
    rng = Random(f"{customer_id}/preference")
    insights = rng.choices(*_INSIGHTS_PER_WEEK)[0]
    tells_heart_rate, has_programme = rng.random() < _TELLS_HEART_RATE, rng.random() < _HAS_PROGRAMME
    if training is None:
        return Preference(insights)
    goals = next(goals for runs, goals in _GOALS if training.runs_per_week <= runs)
    goal = rng.choice(goals)
    return Preference(
        insights,
        round(training.highest_bpm) if tells_heart_rate else None,
        goal if has_programme else None,
        round(training.weekly_km) if has_programme else None,
        training.runs_per_week if has_programme else None,
    )


def _ascii(name: str) -> str:
    return unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
