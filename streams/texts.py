"""Texts of bounded length between Arrow and NumPy's fixed width, without a Python object for each. Pure."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

Texts = npt.NDArray[np.bytes_]


def padded(texts: pa.Array, width_bytes: int) -> Texts:
    """Texts (string or binary, none of them null) as NumPy keeps them: that wide, zeros behind.

    Raises:
        ValueError: one is longer than that.
    """
    if not len(texts):
        return np.empty(0, dtype=f"S{width_bytes}")
    longest = pc.max(pc.binary_length(texts)).as_py()
    if longest > width_bytes:
        raise ValueError(f"a text of {longest} bytes found, {width_bytes} at most are kept")
    # Arrow's "ascii" functions work on bytes.
    filled = pc.ascii_rpad(texts.view(pa.string()), width=width_bytes, padding="\0")
    found: Texts = np.frombuffer(filled.buffers()[2], f"S{width_bytes}", len(filled), filled.offset * width_bytes)
    return found


def trimmed(values: Texts) -> pa.Array:
    """The same texts as Arrow keeps them: a binary array, without the zeros behind."""
    width_bytes = values.dtype.itemsize
    offsets = np.arange(len(values) + 1, dtype=np.int32) * np.int32(width_bytes)
    buffers = [None, pa.py_buffer(offsets), pa.py_buffer(np.ascontiguousarray(values).view(np.uint8))]
    whole = pa.Array.from_buffers(pa.string(), len(values), buffers)
    return pc.ascii_rtrim(whole, characters="\0").view(pa.binary())
