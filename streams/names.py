"""Finds rows by name: a hash table of row numbers beside the column that holds the names. Pure.

Open addressing with linear probing, a whole batch at each step. A Python dict needs twenty times the memory, and a
second to build for a million names, which a recovery would wait for.
"""

from __future__ import annotations

import secrets

import numpy as np
import numpy.typing as npt

from streams.texts import Texts

UNKNOWN = -1

_FIRST_PLACES = 1024
_WORD = np.dtype(np.uint64)

Rows = npt.NDArray[np.int64]
Hashes = npt.NDArray[np.uint64]


class NameIndex:
    """Rows of distinct names. The names themselves stay in their column, which every call is given."""

    def __init__(self, width_bytes: int) -> None:
        """An empty index.

        Args:
            width_bytes: Of the names, a multiple of 8.
        """
        self._width_bytes = width_bytes
        # No result depends on it. Unknown to all, so that nobody can choose names that get into each other's way.
        self._keys = np.array([secrets.randbits(64) | 1 for _ in range(width_bytes // _WORD.itemsize)], dtype=_WORD)
        self._places = np.full(_FIRST_PLACES, UNKNOWN, dtype=np.int32)
        self._count = 0

    def find(self, names: Texts, column: Texts) -> Rows:
        """The row of each name in the column, UNKNOWN where there is none."""
        found = np.full(len(names), UNKNOWN, dtype=np.int64)
        asked = np.arange(len(names))
        place = self._first_places(names)
        while len(asked):
            rows = self._places[place]
            taken = rows != UNKNOWN
            asked, place, rows = asked[taken], place[taken], rows[taken]
            same = column[rows] == names[asked]
            found[asked[same]] = rows[same]
            asked, place = asked[~same], self._next_places(place[~same])
        return found

    def add(self, rows: Rows, column: Texts) -> None:
        """Let the names in these rows be found; none of them is known, none comes twice."""
        self._count += len(rows)
        if 2 * self._count > len(self._places):
            known = self._places[self._places != UNKNOWN]
            rows = np.concatenate([known, rows])
            self._places = np.full(2 ** int(2 * self._count).bit_length(), UNKNOWN, dtype=np.int32)
        place = self._first_places(np.ascontiguousarray(column[rows]))
        while len(rows):
            free = self._places[place] == UNKNOWN
            self._places[place[free]] = rows[free]
            # Of several that wanted one place, one has it; the others go on as if it had been there before.
            waits = self._places[place] != rows
            rows, place = rows[waits], self._next_places(place[waits])

    def _first_places(self, names: Texts) -> Rows:
        words = names.astype(f"S{self._width_bytes}", copy=False).view(_WORD).reshape(len(names), len(self._keys))
        hashes: Hashes = np.zeros(len(names), dtype=_WORD)
        for number, key in enumerate(self._keys):
            hashes += (words[:, number] ^ (words[:, number] >> np.uint64(32))) * key
        hashes ^= hashes >> np.uint64(32)
        hashes *= self._keys[0]
        return (hashes >> np.uint64(20)).astype(np.int64) & (len(self._places) - 1)

    def _next_places(self, place: Rows) -> Rows:
        return (place + 1) & (len(self._places) - 1)
