"""What may be said of a value that a device sent, where everybody reads it: in reasons of failed events. Pure.

Anything may stand in any field: a name in `programme`, a telephone number in `seq`. So little is quoted: short numbers
where a number belongs that tells of the machine or its use, instants, and spellings of a choice that the contract has.
Of all else the kind is said. Who has the key reads the upload itself: `vaxel failed show`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import Any

from schemas.fields import IDENTIFIER
from schemas.forms import columns
from schemas.uploads import Upload

SHOWN_CLASSES = frozenset(["technical", "usage"])
"""Of `schemas.fields.DataClass`: health, location and persons are not spoken of."""

_IDENTIFIER = re.compile(IDENTIFIER)
MOST_DIGITS = 7
"""Of a number that is quoted. Telephone and personal numbers have more, and so has a place that tells a house."""
_NUMBER = re.compile(r"[-+]?[0-9]+(?:[.,][0-9]{1,2})?(?:[eE][-+]?[0-9]{1,3})?")
"""`1,5` included: what devices write in place of ours. More places would tell a heart rate or a position as such."""
_WHOLE = re.compile(r"[-+]?[0-9]+(?:\.0)?")
_INSTANT = re.compile(r"1[0-9]{12}")
"""In milliseconds, from 2001 until 2033: what a clock says that was set."""
_INSTANT_UNIT = "ms since 1970 UTC"
_ANY_NUMBER = re.compile(r"[0-9]+(?:\.[0-9]+)?(?:e[-+]?[0-9]+)?")


@dataclass(frozen=True)
class _Form:
    """What of a field's values is shown."""

    is_shown: bool = False
    is_number: bool = False
    is_whole: bool = False
    is_instant: bool = False
    choices: frozenset[str] = frozenset()

    def shows(self, text: str) -> bool:
        """Whether a number written like that may be quoted."""
        if not (self.is_shown and self.is_number):
            return False
        if self.is_instant and _INSTANT.fullmatch(text):
            return True
        return _digits(text) <= MOST_DIGITS and (_WHOLE if self.is_whole else _NUMBER).fullmatch(text) is not None


def quoted(value: Any, field: str, model: type[Upload]) -> str:
    """A value of JSON in words: as it is if it may be shown, else its kind.

    >>> from schemas.uploads import ShoeUpload, WasherUpload
    >>> quoted(10001, "power_w", WasherUpload), quoted(271.5, "heart_rate_bpm", ShoeUpload)
    ('10001', 'a number')
    >>> quoted("Cotton", "programme", WasherUpload), quoted("Ingrid", "programme", WasherUpload)
    ("'Cotton'", 'text of 6 characters')
    """
    form = _declared(model).get(field, _Form())
    match value:
        case None:
            return "null"
        case list():
            return f"a list of {len(value)} values"
        case dict():
            return "an object"
        case str():
            is_plain = form.shows(value) or (form.is_shown and value.casefold() in form.choices)
            return repr(value) if is_plain else f"text of {len(value)} characters"
        case bool():
            return str(value).lower() if form.is_shown else "a truth value"
        case _:
            text = repr(value)
            if form.shows(text):
                return text
            if not (form.is_shown and form.is_number):
                return "a number"
            is_broken = form.is_whole and isinstance(value, float) and value % 1 > 0
            return "a number with a fraction" if is_broken else _kind(text)


def quoted_instant(instant_ms: int) -> str:
    """An instant that obeys its contract, in words: as it is if it looks like one."""
    text = str(instant_ms)
    return text if _INSTANT.fullmatch(text) or len(text) <= MOST_DIGITS else _kind(text)


def quoted_number(number: float) -> str:
    """A number that obeys its contract, in words: as it is, to one place, if it is short."""
    text = str(number) if isinstance(number, int) else f"{round(number, 1):.15g}"
    return text if _digits(text) <= MOST_DIGITS else _kind(text)


def without_long_numbers(sentence: str) -> str:
    """A sentence of a contract, its numbers told as by `quoted_number`.

    >>> without_long_numbers("found 198001011234 and 59.331258")
    'found a number of 12 digits and 59.3'
    """
    return _ANY_NUMBER.sub(
        lambda found: quoted_number(int(found[0]) if found[0].isdigit() else float(found[0])), sentence
    )


def kept_key(key: str | None) -> str | None:
    """What may be kept of a record's key: a device's name, nothing else that somebody may have written there."""
    return key if key is not None and _IDENTIFIER.fullmatch(key) else None


def quoted_key(key: str | None) -> str:
    """A record's key in words: the name of another device may be the name of a person."""
    if key is None:
        return "none that can be read"
    return "another name" if kept_key(key) else f"text of {len(key)} characters, which is no device's name"


def _digits(text: str) -> int:
    return sum(letter.isdigit() for letter in text)


def _kind(text: str) -> str:
    return f"a number of {_digits(text)} digits" if _digits(text) else "a number"


@cache
def _declared(model: type[Upload]) -> dict[str, _Form]:
    """For each field what is shown of it; choices in small letters."""
    return {
        column.name: _Form(
            is_shown=column.data_class in SHOWN_CLASSES,
            is_number=column.value.kind in ("int", "float"),
            is_whole=column.value.kind == "int",
            is_instant=column.unit == _INSTANT_UNIT,
            choices=frozenset(choice.casefold() for choice in column.value.choices or ()),
        )
        for column in columns(model)
    }
