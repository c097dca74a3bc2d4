"""Names of people, so that nobody is two, and nobody passes for somebody else. Pure."""

from __future__ import annotations

import unicodedata
from typing import Final

from schemas.errors import UsageError

GEARBOX: Final = "gearbox"
"""What acts by rule is told by this name; no person has it."""
LONGEST: Final = 80

_INVISIBLE: Final = frozenset(
    [0x034F, 0x115F, 0x1160, 0x17B4, 0x17B5, *range(0x180B, 0x1810), 0x2800, 0x3164, 0xFFA0, *range(0xFE00, 0xFE10)]
) | frozenset(range(0xE0100, 0xE01F0))
"""Characters that show nothing, beside those whose category says so."""
_ONE_WRITING: Final = ("LATIN", "GREEK", "CYRILLIC")
"""Writings that share the looks of many letters: a name uses one of them."""
_SAME_LOOKS: Final = str.maketrans({"\u2019": "'", "\u02bc": "'", "\u2018": "'", "\u2010": "-", "\u2013": "-"})
_ACCEPTED = f"a name is one line of 1 to {LONGEST} visible characters, such as Anna Holm"


def person_name(text: str) -> str:
    """The name as it is shown: composed (NFC), without blanks around it, with single ones inside.

    Raises:
        UsageError: It is no name, or `gearbox`.

    >>> person_name("  Anna \\u00a0 Holm ")
    'Anna Holm'
    """
    for character in text:  # as it was given: what is cut or collapsed below would no longer be seen
        category = unicodedata.category(character)
        if category[0] == "C" or category in ("Zl", "Zp") or ord(character) in _INVISIBLE:
            raise UsageError(f"A name cannot hold U+{ord(character):04X}, which is not visible; {_ACCEPTED}.")
    name = " ".join(unicodedata.normalize("NFC", text).split())
    if not any(character.isalnum() for character in name):
        raise UsageError(f"A name without a letter is none; {_ACCEPTED}.")
    if len(name) > LONGEST:
        raise UsageError(f"A name of {len(name)} characters is too long; {_ACCEPTED}.")
    writings = [writing for writing in _ONE_WRITING if any(_is_of(writing, character) for character in name)]
    if len(writings) > 1:
        raise UsageError(f"A name cannot mix {' and '.join(writings)} letters, which look the same.")
    if folded(name) == GEARBOX:
        raise UsageError(f"{GEARBOX!r} is what acts by rule; no person has that name.")
    return name


def folded(name: str) -> str:
    """One form for the same person: without regard to case, width, blanks and kinds of apostrophes and hyphens.

    It takes any text, as of who planned a change set; a person's name goes through `person_name` first.

    >>> folded("ANNA  O\\u2019Hara") == folded("anna o'hara")
    True
    """
    text, before = name, None
    while text != before:  # what is composed may fold further
        before = text
        text = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold()).translate(_SAME_LOOKS)
        text = " ".join(text.split())
    return text


def is_same(name: str, other: str) -> bool:
    """Whether both are the same person."""
    return folded(name) == folded(other)


def _is_of(writing: str, character: str) -> bool:
    return unicodedata.name(character, "").startswith(f"{writing} ")
