"""Rows are found by name, and texts keep their bytes, however many there are."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.names import UNKNOWN, NameIndex
from streams.texts import padded, trimmed

NAMES = st.text(st.characters(codec="ascii", exclude_characters="\0"), min_size=1, max_size=16)


@settings(deadline=None)
@given(known=st.lists(NAMES, unique=True), others=st.lists(NAMES), cut=st.integers(0, 50))
def test_known_names_are_found_and_others_are_not(known: list[str], others: list[str], cut: int) -> None:
    column = np.array([name.encode() for name in known], dtype="S16")
    index = NameIndex(16)
    index.add(np.arange(len(known))[:cut], column)
    index.add(np.arange(len(known))[cut:], column)
    rows = {name: row for row, name in enumerate(known)}
    asked = known + others
    found = index.find(np.array([name.encode() for name in asked], dtype="S16"), column)
    assert found.tolist() == [rows.get(name, UNKNOWN) for name in asked]


def test_many_names_alike_are_found() -> None:
    column = padded(pa.array([f"washer-{number:07d}" for number in range(200_000)]), 64)
    index = NameIndex(64)
    for first in range(0, 200_000, 70_000):
        index.add(np.arange(first, min(first + 70_000, 200_000)), column)
    assert (index.find(column, column) == np.arange(200_000)).all()
    assert index.find(np.array([b"washer-0200000"], dtype="S64"), column).tolist() == [UNKNOWN]


@given(st.lists(st.text(max_size=4)), st.integers(0, 3))
def test_texts_keep_their_bytes(texts: list[str], skipped: int) -> None:
    # NumPy itself drops zeros at the end of a text.
    encoded = [text.encode().rstrip(b"\0") for text in texts]
    array = pa.array([text.decode() for text in encoded], pa.string()).slice(skipped)
    fixed = padded(array, 16)
    assert fixed.tolist() == encoded[skipped:]
    assert trimmed(fixed).to_pylist() == encoded[skipped:]
    assert trimmed(fixed[1::2]).to_pylist() == encoded[skipped:][1::2]


def test_a_text_that_is_too_long_is_refused() -> None:
    with pytest.raises(ValueError, match="5 bytes found, 4 at most"):
        padded(pa.array(["w-1", "w-100"]), 4)
