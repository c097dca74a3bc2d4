"""Models and firmware by number: rows of other stores name a cohort by one small number. Pure."""

from __future__ import annotations

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
    """Rows of cohorts, given out as they are met, from 0 on, never given back: there are a few hundred ever."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._rows = {self.name(row): row for row in store.rows().tolist()}

    def number(self, cohort: Cohort) -> int:
        """The number of a cohort, a new one where it is met for the first time."""
        row = self._rows.get(cohort)
        if row is None:
            row = self._rows[cohort] = int(self._store.take(1)[0])
            self._store.values[row] = tuple(part.encode() for part in cohort)
        return row

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
