"""Sorts the texts of a batch by form: which version of the contract each is, and which additions it leaves out. Pure.

DuckDB's strict parse wants every key of its structure to be there, and reads over every other one. So an upload has to
be parsed by a structure of exactly the keys it has, or an addition is lost in silence. Which keys a text has is looked
for in its letters: what they seem to say is enough, since a text parsed by the wrong structure fails and is examined.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from schemas.forms import Column, columns, duckdb_structure
from schemas.uploads import VERSION_FIELD, Upload
from streams.letters import Letters

Ints = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]

ESCAPE = b"\\"
"""May be part of a key: such a text is examined one by one. Devices have nothing to escape."""


_SAID = re.compile(rf'"{VERSION_FIELD}"\s*(?::\s*"?([0-9]+)"?\s*[,}}])?'.encode())


@dataclass(frozen=True)
class Form:
    """Uploads of one version that leave out the same additions.

    Attributes:
        absent: Those additions, and the type that DuckDB's parse would have given them.
        strict, lenient, row_by_row: SQL of the parse of a column `value`.
    """

    version: type[Upload]
    absent: Mapping[str, pa.DataType]
    strict: str
    lenient: str
    row_by_row: str


@cache
def form(version: type[Upload], absent: frozenset[str]) -> Form:
    """The form of uploads of a version that leave out those additions."""
    # Booleans as text: DuckDB takes every number for one.
    structure = duckdb_structure(version, absent).replace('"BOOLEAN"', '"VARCHAR"')
    return Form(
        version,
        MappingProxyType({column.name: _parsed_type(column) for column in columns(version) if column.name in absent}),
        f"json_transform_strict(value, '{structure}')",
        f"json_transform(value, '{structure}')",
        f"try(json_transform_strict(value, '{structure}'))",
    )


class Sorter:
    """Sorts batches of one product."""

    def __init__(self, versions: tuple[type[Upload], ...]) -> None:
        self._versions = versions
        self._additions = {
            version: tuple(column.name for column in columns(version) if column.is_addition) for version in versions
        }

    def sorted_by_form(
        self, values: Sequence[bytes | None], rows: pa.Array, texts: pa.Array
    ) -> Iterator[tuple[Form, Mask | None]]:
        """Each form found, and which rows have it; None for all of them. Texts whose keys are in doubt are left out.

        Args:
            values: All records of the batch.
            rows, texts: Those that are text, as index into the batch and as such.
        """
        if not len(rows):
            return
        letters = Letters(texts)
        chosen = np.ones(len(rows), dtype=bool)
        if letters.has(ESCAPE):
            chosen = ~_having(ESCAPE, values, rows)
        if not letters.has(_key(VERSION_FIELD)):
            yield from self._by_additions(self._versions[0], values, rows, letters, chosen)
            return
        said = self._versions_said(values, rows, letters)
        for version in self._versions:
            mine = chosen & (said == version.version)
            if mine.any():
                yield from self._by_additions(version, values, rows, letters, mine)

    def _versions_said(self, values: Sequence[bytes | None], rows: pa.Array, letters: Letters) -> Ints:
        """The version that each text seems to say, the first if it says none; 0 where that is in doubt."""
        times = letters.count(_key(VERSION_FIELD))
        for version in self._versions:
            if times == len(rows) == letters.count(_key(VERSION_FIELD) + f":{version.version},".encode()):
                return np.full(len(rows), version.version)
        known = {str(version.version).encode(): version.version for version in self._versions}
        said = np.ones(len(rows), dtype=np.int64)
        for place, row in enumerate(rows.to_pylist()):
            found = _SAID.findall(values[row] or b"")
            if found:
                said[place] = known.get(found[0], 0) if len(found) == 1 else 0
        return said

    def _by_additions(
        self, version: type[Upload], values: Sequence[bytes | None], rows: pa.Array, letters: Letters, chosen: Mask
    ) -> Iterator[tuple[Form, Mask | None]]:
        absent, mixed = [], []
        for name in self._additions[version]:
            if not letters.has(_key(name)):
                absent.append(name)
            elif letters.count(_key(name)) != len(rows):
                mixed.append(name)
        if not mixed:
            yield form(version, frozenset(absent)), None if chosen.all() else chosen
            return
        kinds = np.zeros(len(rows), dtype=np.int64)
        for bit, name in enumerate(mixed):
            kinds |= (~_having(_key(name), values, rows)).astype(np.int64) << bit
        for kind in np.unique(kinds[chosen]).tolist():
            missing = [name for bit, name in enumerate(mixed) if kind >> bit & 1]
            yield form(version, frozenset([*absent, *missing])), chosen & (kinds == kind)


def _key(name: str) -> bytes:
    return f'"{name}"'.encode()


def _having(letters: bytes, values: Sequence[bytes | None], rows: pa.Array) -> Mask:
    return np.fromiter((letters in (values[row] or b"") for row in rows.to_pylist()), dtype=bool, count=len(rows))


def _parsed_type(column: Column) -> pa.DataType:
    kind = pa.string() if column.value.kind in ("str", "bool") else pa.float64()
    return pa.list_(kind) if column.is_list else kind
