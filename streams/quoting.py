"""What may be said of a value that a device sent, where everybody reads it: in reasons of failed events. Pure.

Anything may stand in any field, a name in `programme` say. So little is quoted: numbers in fields that tell of the
machine or its use, and spellings of a choice that the contract has. Of all else the kind is said. Who has the key reads
the upload itself: `vaxel failed show`.
"""

from __future__ import annotations

import re
from functools import cache
from typing import Any

from schemas.fields import IDENTIFIER
from schemas.forms import columns
from schemas.uploads import Upload

SHOWN_CLASSES = frozenset(["technical", "usage"])
"""Of `schemas.fields.DataClass`: health, location and persons are not spoken of."""

_IDENTIFIER = re.compile(IDENTIFIER)
_NUMBER_LIKE = re.compile(r"[-+vV]?[0-9]{1,9}(?:[.,][0-9]{1,9}){0,2}(?:[eE][-+]?[0-9]{1,3})?")
"""A number or a version in quotes, `1,5` and `v2.4` included: what devices write in place of ours."""


def quoted(value: Any, field: str, model: type[Upload]) -> str:
    """A value of JSON in words: as it is if it may be shown, else its kind.

    >>> from schemas.uploads import ShoeUpload, WasherUpload
    >>> quoted(10001, "power_w", WasherUpload), quoted(271.5, "heart_rate_bpm", ShoeUpload)
    ('10001', 'a number')
    >>> quoted("Cotton", "programme", WasherUpload), quoted("Ingrid", "programme", WasherUpload)
    ("'Cotton'", 'text of 6 characters')
    """
    is_shown, choices = _declared(model).get(field, (False, frozenset()))
    match value:
        case None:
            return "null"
        case list():
            return f"a list of {len(value)} values"
        case dict():
            return "an object"
        case str():
            is_plain = _NUMBER_LIKE.fullmatch(value) is not None or value.casefold() in choices
            return repr(value) if is_shown and is_plain else f"text of {len(value)} characters"
        case bool():
            return str(value).lower() if is_shown else "a truth value"
        case _:
            return repr(value) if is_shown else "a number"


def kept_key(key: str | None) -> str | None:
    """What may be kept of a record's key: a device's name, nothing else that somebody may have written there."""
    return key if key is not None and _IDENTIFIER.fullmatch(key) else None


def quoted_key(key: str | None) -> str:
    """A record's key in words."""
    if key is None:
        return "none that can be read"
    return repr(key) if kept_key(key) else f"text of {len(key)} characters, which is no device's name"


@cache
def _declared(model: type[Upload]) -> dict[str, tuple[bool, frozenset[str]]]:
    """For each field whether its numbers are shown, and its choices in small letters."""
    return {
        column.name: (
            column.data_class in SHOWN_CLASSES,
            frozenset(choice.casefold() for choice in column.value.choices or ()),
        )
        for column in columns(model)
    }
