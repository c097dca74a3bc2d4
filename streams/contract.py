"""Checks uploads against their contract, column by column. Pure; the slow, explaining twin is `streams.refusal`.

DuckDB's strict JSON transform is not strict enough: it lets null, NaN, infinity, fractions of integers and words for
texts pass. What it let through is checked here against the limits that the contract declares.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from schemas.forms import Column, Shape, arrow_schema, columns
from schemas.uploads import SUM_ROUNDING, SUM_TOLERANCE, Upload

Mask = npt.NDArray[np.bool_]

BARE_WORDS = pa.array(["true", "false", "nan", "inf", "infinity"])
"""What DuckDB makes a text of although no quotes stood around it."""


def doubtful_rows(parsed: pa.Table, model: type[Upload]) -> Mask:
    """Which rows break the contract in at least one field.

    Args:
        parsed: One row per upload as DuckDB parsed it: numbers as DOUBLE, booleans as text.
    Returns:
        One bool per row, in order. No rows give an empty array.
    """
    doubtful = np.zeros(parsed.num_rows, dtype=bool)
    lengths = _lengths(parsed.column("offset_ms"))
    for column in columns(model):
        values = parsed.column(column.name).combine_chunks()
        if column.is_list:
            doubtful |= _doubtful_lists(values, column, lengths)
        else:
            doubtful |= _doubtful_values(values, column.value)
    doubtful |= _falling(parsed.column("offset_ms").combine_chunks())
    number, start, ended = (parsed.column(name) for name in model.session_fields())
    has_number, has_start = _valid(number), _valid(start)
    doubtful |= has_number != has_start
    doubtful |= _numpy_bool(pc.equal(ended, "true")) & ~has_number
    for total, parts in model.sums.items():
        doubtful |= _unequal_sums(parsed.column(total), [parsed.column(part) for part in parts])
    return doubtful


def typed(parsed: pa.Table, model: type[Upload]) -> pa.Table:
    """The same rows in the contract's own Arrow types. Only for rows that `doubtful_rows` found clean."""
    schema = arrow_schema(model)
    return pa.table([parsed.column(field.name).cast(field.type) for field in schema], schema=schema)


def _doubtful_values(values: pa.Array, shape: Shape) -> Mask:
    valid = _valid(values)
    missing = np.zeros(len(values), dtype=bool) if shape.nullable else ~valid
    return missing | (valid & ~_fits(values, shape))


def _doubtful_lists(lists: pa.ListArray, column: Column, lengths: npt.NDArray[np.int64]) -> Mask:
    present = _valid(lists)
    own_lengths = _lengths(lists)
    doubtful: Mask = np.zeros(len(lists), dtype=bool) if column.list_nullable else ~present
    doubtful |= present & (own_lengths != lengths)
    if column.max_length is not None:
        doubtful |= own_lengths > column.max_length
    elements = lists.flatten()
    bad = np.flatnonzero(_doubtful_values(elements, column.value))
    if len(bad):
        doubtful[np.repeat(np.arange(len(lists)), own_lengths)[bad]] = True
    return doubtful


def _fits(values: pa.Array, shape: Shape) -> Mask:
    """Whether each valid value obeys type and limits; what null gives is of no meaning."""
    if shape.kind == "bool":
        return _numpy_bool(pc.is_in(values, value_set=BARE_WORDS[:2]))
    if shape.kind == "str":
        if shape.choices is not None:
            return _numpy_bool(pc.is_in(values, value_set=pa.array(shape.choices, pa.string())))
        assert shape.pattern is not None, "every text of a contract has a pattern or a list of choices"
        # Texts of a batch repeat: each is looked at once.
        encoded = values.dictionary_encode()
        fits_once = _fits_pattern(encoded.dictionary, shape.pattern)
        if fits_once.all():
            return np.ones(len(values), dtype=bool)
        per_value: Mask = fits_once[pc.fill_null(encoded.indices, 0).to_numpy()]
        return per_value
    numbers = values.to_numpy(zero_copy_only=False).astype(np.float64, copy=False)
    with np.errstate(invalid="ignore"):
        fits: Mask = np.isfinite(numbers)
        if shape.kind == "int":
            fits &= numbers == np.trunc(numbers)
        if shape.minimum is not None:
            fits &= numbers >= shape.minimum
        if shape.maximum is not None:
            fits &= numbers <= shape.maximum
    return fits


def _fits_pattern(texts: pa.StringArray, pattern: str) -> Mask:
    # RE2's $ matches only at the very end, as pydantic's does.
    is_word = pc.is_in(pc.utf8_lower(texts), value_set=BARE_WORDS)
    return _numpy_bool(pc.match_substring_regex(texts, pattern)) & ~_numpy_bool(is_word)


def _falling(offsets: pa.ListArray) -> Mask:
    """Which rows have an offset lower than the one before it."""
    numbers = offsets.flatten().to_numpy(zero_copy_only=False)
    falling = np.zeros(len(offsets), dtype=bool)
    if len(numbers) > 1:
        row = np.repeat(np.arange(len(offsets)), _lengths(offsets))
        falling[row[1:][(np.diff(numbers) < 0) & (row[1:] == row[:-1])]] = True
    return falling


def _unequal_sums(total: pa.ChunkedArray, parts: list[pa.ChunkedArray]) -> Mask:
    """Rows in which a total and its parts are not all there, or all missing, or do not add up."""
    value, *known = (_floats(column) for column in (total, *parts))
    missing = np.isnan([value, *known])
    off = np.abs(np.sum(known, axis=0) - value) > SUM_ROUNDING + SUM_TOLERANCE * value
    unequal: Mask = ~missing.all(axis=0) & (missing.any(axis=0) | off)
    return unequal


def _floats(values: pa.ChunkedArray) -> npt.NDArray[np.float64]:
    return np.asarray(values.to_numpy(), dtype=np.float64)


def _lengths(lists: pa.Array | pa.ChunkedArray) -> npt.NDArray[np.int64]:
    lengths = pc.fill_null(pc.list_value_length(lists), 0)
    return np.asarray(lengths.to_numpy(), dtype=np.int64)


def _valid(values: pa.Array | pa.ChunkedArray) -> Mask:
    if values.null_count == 0:
        return np.ones(len(values), dtype=bool)
    return _numpy_bool(pc.is_valid(values))


def _numpy_bool(values: pa.Array | pa.ChunkedArray) -> Mask:
    filled = pc.fill_null(values, False)
    if isinstance(filled, pa.ChunkedArray):
        filled = filled.combine_chunks()
    return np.asarray(filled.to_numpy(zero_copy_only=False), dtype=bool)
