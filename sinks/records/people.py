"""Invented customers with believable names: the same customer number always gives the same person."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from random import Random

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


def _ascii(name: str) -> str:
    return unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
