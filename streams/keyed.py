"""Finds rows of a store by a key of several whole numbers, such as device slot and month. Pure."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from streams.store import Rows, Store

Ints = npt.NDArray[np.int64]
Key = tuple[int, ...]


class KeyedRows:
    """The rows of a store by their key: some of its integer fields, in this order. One row a key."""

    def __init__(self, store: Store, *names: str) -> None:
        self.store = store
        self._names = names
        rows = store.rows()
        columns = [store.values[name][rows].tolist() for name in names]
        self._rows: dict[Key, int] = dict(zip(zip(*columns, strict=True), rows.tolist(), strict=True))

    def __len__(self) -> int:
        return len(self._rows)

    def find(self, *key: int) -> int | None:
        """The row of a key; None where there is none."""
        return self._rows.get(key)

    def row(self, *key: int) -> int:
        """The row of a key, taking a new one, zeroed but for the key, if there is none. It counts as touched."""
        row = self._rows.get(key)
        if row is None:
            row = self._rows[key] = int(self.store.take(1)[0])
            for name, value in zip(self._names, key, strict=True):
                self.store.values[name][row] = value
        else:
            self.store.touch(np.array([row]))
        return row

    def rows(self, *columns: Ints) -> Rows:
        """The row of each key, given by columns, taking new ones for new keys; all count as touched."""
        if not len(columns[0]):
            return np.empty(0, dtype=np.int64)
        keys, where = np.unique(np.column_stack(columns), axis=0, return_inverse=True)
        listed = [tuple(key) for key in keys.tolist()]
        new = [key for key in listed if key not in self._rows]
        if new:
            rows = self.store.take(len(new))
            for name, values in zip(self._names, zip(*new, strict=True), strict=True):
                self.store.values[name][rows] = values
            self._rows.update(zip(new, rows.tolist(), strict=True))
        own = np.array([self._rows[key] for key in listed], dtype=np.int64)
        self.store.touch(own)
        per_key: Rows = own[where.ravel()]
        return per_key

    def forget(self, rows: Iterable[int]) -> None:
        """Give rows back."""
        gone = np.array(sorted(set(rows)), dtype=np.int64)
        columns = [self.store.values[name][gone].tolist() for name in self._names]
        for key in zip(*columns, strict=True):
            del self._rows[key]
        self.store.free(gone)
