"""What a check found, so that one cause with a million effects is still readable. Pure."""

from __future__ import annotations

from collections import Counter
from typing import Final

SHOWN: Final = 20
"""So many faults of a kind are told in full."""


class Faults:
    """Sentences by kind; of each kind the first `SHOWN`, and how many more there were."""

    def __init__(self) -> None:
        self._shown: list[str] = []
        self._found: Counter[str] = Counter()

    def add(self, kind: str, sentence: str) -> None:
        self._found[kind] += 1
        if self._found[kind] <= SHOWN:
            self._shown.append(sentence)

    def sentences(self) -> list[str]:
        """All that is told, in the order it was found."""
        more = [f"And {found - SHOWN} more of kind {kind!r}." for kind, found in self._found.items() if found > SHOWN]
        return self._shown + more
