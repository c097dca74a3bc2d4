"""Models and firmware by number: rows of other stores name a cohort by one small number. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Set as AbstractSet
from typing import NamedTuple

import numpy as np

from streams.store import Store

COHORT_NAME = np.dtype([("product", "S8"), ("material", "S64"), ("firmware", "S16")])
"""A cohort in the state: a firmware on a model."""


class Cohort(NamedTuple):
    """The devices of a model that run one firmware."""

    product: str
    material: str
    firmware: str


class CohortNames:
    """Rows of cohorts, given out as they are met. There are a few hundred ever, unless a device makes some up."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._rows = {self.name(row): row for row in store.rows().tolist()}
        self._of_model = Counter(cohort[:2] for cohort in self._rows)

    def __len__(self) -> int:
        return len(self._rows)

    def number(self, cohort: Cohort) -> int:
        """The number of a cohort, a new one where it is met for the first time."""
        row = self._rows.get(cohort)
        if row is None:
            row = self._rows[cohort] = int(self._store.take(1)[0])
            self._store.values[row] = tuple(part.encode() for part in cohort)
            self._of_model[cohort[:2]] += 1
        return row

    def number_among(self, most: int, cohort: Cohort) -> int | None:
        """The same; None for a new one where its model has `most` already."""
        is_full = cohort not in self._rows and self._of_model[cohort[:2]] >= most
        return None if is_full else self.number(cohort)

    def keep(self, numbers: AbstractSet[int]) -> None:
        """Let all others go; their numbers are given out again."""
        gone = {cohort: row for cohort, row in self._rows.items() if row not in numbers}
        for cohort in gone:
            del self._rows[cohort]
        self._of_model = Counter(cohort[:2] for cohort in self._rows)
        self._store.free(np.array(sorted(gone.values()), dtype=np.int64))

    def name(self, number: int) -> Cohort:
        """The cohort of a number."""
        return Cohort(*(part.decode() for part in self._store.values[number].item()))

    def older(self, cohort: Cohort) -> list[int]:
        """Numbers of the same model's firmware with a lower version number."""
        return [
            row
            for other, row in self._rows.items()
            if other[:2] == cohort[:2] and _version(other.firmware) < _version(cohort.firmware)
        ]


def _version(firmware: str) -> tuple[int, ...]:
    return tuple(map(int, firmware.split(".")))
