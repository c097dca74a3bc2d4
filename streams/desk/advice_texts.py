"""The texts of advice: message catalogues in `messages/`, filled with quantities as a reader writes them.

A catalogue is a gettext `.po` file whose identifiers are keys (`descale.title`), so that English is a translation like
the others; placeholders are names in braces. Units, numbers, money, days and times go by the reader's language and
country (CLDR, by Babel), times by their zone. A language without a catalogue is spoken to in English.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from io import BytesIO

from babel.core import Locale, UnknownLocaleError
from babel.dates import format_date, format_time
from babel.messages.pofile import read_po
from babel.numbers import format_currency, format_decimal, format_percent
from babel.units import format_unit

from streams.desk.advice_finding import (
    Day,
    Distance,
    Energy,
    Finding,
    LocalDay,
    LocalTime,
    Milliseconds,
    Money,
    Number,
    Pace,
    Percent,
    Quantity,
    Water,
    Word,
)
from streams.desk.advice_told import local, local_day

LANGUAGES = ("en", "de", "sv")
FALLBACK = "en"

_KM_PER_MILE, _LITRES_PER_GALLON = 1.609344, 3.785411784
_AMERICAN = "US"
_WHOLE_FROM = 10
_WITH_YEAR = re.compile(r"[,\s]*y+")


@dataclass(frozen=True, slots=True)
class Reader:
    """Somebody who reads advice.

    Attributes:
        language: ISO 639 code.
        country: ISO 3166 code.
        time_zone: Name in the IANA time zone database.
    """

    language: str
    country: str
    time_zone: str

    @property
    def written(self) -> str:
        """Language in which they are written to."""
        return self.language if self.language in LANGUAGES else FALLBACK

    @property
    def locale(self) -> Locale:
        return _locale(self.written, self.country)

    @property
    def reads_miles(self) -> bool:
        return self.country == _AMERICAN


def title_and_text(finding: Finding, reader: Reader) -> tuple[str, str]:
    """What is found, in the reader's language."""
    messages = catalogue(reader.written)
    values = {name: written(value, reader) for name, value in finding.values.items()}
    title, text = messages[f"{finding.kind}.title"], messages[f"{finding.message}.text"]
    return title.format_map(values), text.format_map(values)


def written(quantity: Quantity, reader: Reader) -> str:
    """A quantity as its reader writes it."""
    locale = reader.locale
    match quantity:
        case Word(key, values):
            return catalogue(reader.written)[key].format_map(
                {name: written(value, reader) for name, value in values.items()}
            )
        case Number(value, digits):
            return _decimal(value, digits, locale)
        case Percent(value, digits):
            return str(
                format_percent(round(value, digits) / 100, format=_percent_pattern(digits, locale), locale=locale)
            )
        case Money(amount, currency, is_rough):
            pattern = None
            if is_rough and abs(amount) >= _WHOLE_FROM:
                pattern = locale.currency_formats["standard"].pattern.replace(".00", "")
            return str(format_currency(amount, currency, pattern, locale=locale, currency_digits=pattern is None))
        case Milliseconds(value):
            return _unit(value, "duration-millisecond", 0, locale)
        case Day(day):
            return str(format_date(day, _WITH_YEAR.sub("", locale.date_formats["full"].pattern), locale=locale))
        case LocalDay(at_ms):
            return written(Day(local_day(at_ms, reader.time_zone)), reader)
        case LocalTime(at_ms):
            return str(format_time(local(at_ms, reader.time_zone).time(), "short", locale=locale))
        case _:
            return _measured(quantity, reader)


def _measured(quantity: Distance | Pace | Energy | Water, reader: Reader) -> str:
    """A quantity whose unit differs between countries, and energy."""
    locale = reader.locale
    match quantity:
        case Distance(km, digits):
            unit = ("length-mile", km / _KM_PER_MILE) if reader.reads_miles else ("length-kilometer", km)
            return _unit(unit[1], unit[0], digits, locale)
        case Pace(s_per_km, begins_range):
            unit_name, seconds = ("mi", s_per_km * _KM_PER_MILE) if reader.reads_miles else ("km", s_per_km)
            minutes, rest = divmod(round(seconds), 60)
            return f"{minutes}:{rest:02d}" + ("" if begins_range else f" min/{unit_name}")
        case Energy(wh):
            return _unit(wh / 1000, "energy-kilowatt-hour", 2, locale)
        case Water(litres):
            if reader.reads_miles:
                return _unit(litres / _LITRES_PER_GALLON, "volume-gallon", 0, locale)
            return _unit(litres, "volume-liter", 0, locale)


@cache
def catalogue(language: str) -> Mapping[str, str]:
    """All messages of a language by their keys. Read once."""
    raw = (files("streams.desk") / "messages" / f"{language}.po").read_bytes()
    return {str(message.id): str(message.string) for message in read_po(BytesIO(raw), locale=language) if message.id}


@cache
def _locale(language: str, country: str) -> Locale:
    """How a language is written in a country; where nobody has said, as in the world at large, or in its own."""
    for name in (f"{language}_{country}", f"{language}_001"):
        try:
            return Locale.parse(name)
        except (UnknownLocaleError, ValueError):
            continue
    return Locale(language)


def _decimal(value: float, digits: int, locale: Locale) -> str:
    return str(format_decimal(round(value, digits), format=_pattern(digits), locale=locale))


def _pattern(digits: int) -> str:
    return "#,##0" + ("." + "#" * digits if digits else "")


def _unit(value: float, unit: str, digits: int, locale: Locale) -> str:
    return str(format_unit(round(value, digits), unit, "short", format=_pattern(digits), locale=locale))


def _percent_pattern(digits: int, locale: Locale) -> str:
    usual = str(locale.percent_formats[None].pattern)
    return usual.replace("0", "0." + "#" * digits, 1) if digits and "." not in usual else usual
