"""Decodes a batch of records into columns: DuckDB parses them all at once, Python looks only at what it refused.

Holds a DuckDB connection of its own; touches no file and no network (decision D3). It lets in what the contract lets in
(`streams.refusal`) and, since neither harms, two things more: an integer in quotes may have an exponent, and a field
that nobody knows may hold what is almost JSON (nan, inf, nesting without end).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from schemas.forms import arrow_schema, duckdb_structure
from schemas.uploads import MAX_UPLOAD_BYTES, Upload
from streams.contract import doubtful_rows, typed
from streams.refusal import Refused, examine

CORNERED_ROWS = 128
"""So few rows that parsing them one by one costs less than another halving."""

TRAILING_COMMA = r",\s*[}\]]"
"""DuckDB reads over it. The same in a text is no fault; the slow path tells them apart."""


_BIT_OF_BRACES = ord("}") ^ ord("]")
LETTERS_AT_ONCE = 1 << 17
"""So few stay in the processor's cache from one look to the next."""


@dataclass(frozen=True)
class Decoded:
    """The uploads of a batch that the contract lets in, and the rows it refuses.

    Attributes:
        uploads: Columns of the contract, in order of arrival.
        rows: Index into the batch for each row of `uploads`.
        refused: Index into the batch and why, ascending.
    """

    uploads: pa.Table
    rows: pa.Array
    refused: list[tuple[int, Refused]]


class Decoder:
    """Decodes records of one upload contract. Not to be shared between threads."""

    def __init__(self, model: type[Upload]) -> None:
        self._model = model
        self._connection = duckdb.connect(config={"threads": 1, "autoinstall_known_extensions": False})
        # Booleans as text: DuckDB takes every number for one.
        structure = duckdb_structure(model).replace('"BOOLEAN"', '"VARCHAR"')
        # unnest and not a plain struct column: Arrow then gets one flat column per field. Rows keep their order.
        self._strict = f"select unnest(json_transform_strict(value, '{structure}')), row from batch"
        self._lenient = f"select unnest(json_transform(value, '{structure}')), row from batch"
        self._row_by_row = f"select unnest(try(json_transform_strict(value, '{structure}'))), row from batch"

    def decode(self, values: Sequence[bytes | None]) -> Decoded:
        """Split the records' values into uploads and refusals; every row is in exactly one of them."""
        rows, texts = _readable(values)
        parsed = self._parse(rows, texts)
        doubtful = doubtful_rows(parsed, self._model)
        if _has_odd_bracket(texts):
            has_comma = rows.filter(pc.match_substring_regex(texts, TRAILING_COMMA))
            doubtful |= pc.is_in(parsed.column("row"), value_set=has_comma).to_numpy()
        clean = parsed.filter(pa.array(~doubtful)) if doubtful.any() else parsed
        uploads, accepted_rows = typed(clean, self._model), clean.column("row").combine_chunks()
        suspects = (
            sorted(set(range(len(values))) - set(accepted_rows.to_pylist())) if len(uploads) < len(values) else []
        )
        return self._examined(values, suspects, uploads, accepted_rows)

    def _parse(self, rows: pa.Array, texts: pa.Array) -> pa.Table:
        """The fields of the rows that parse; rows that do not are missing, or null throughout.

        Strictly parsed, a batch fails as a whole on its first bad row, and `try` around it parses row by row at a
        sixth of the speed. So a batch that fails is sifted: what is no JSON, then what a lenient parse shows as wrong.
        """
        batch = pa.table({"row": rows, "value": texts})
        try:
            return self._query(self._strict, batch)
        except duckdb.InvalidInputException:
            batch = self._query("select row, value from batch where json_valid(value)", batch)
        fits = ~doubtful_rows(self._query(self._lenient, batch), self._model)
        return self._halved(batch.filter(pa.array(fits)))

    def _halved(self, batch: pa.Table) -> pa.Table:
        """As `_parse`, for a batch with few bad rows left: they are cornered by halving."""
        try:
            return self._query(self._strict, batch)
        except duckdb.InvalidInputException:
            if batch.num_rows <= CORNERED_ROWS:
                return self._query(self._row_by_row, batch)
        middle = batch.num_rows // 2
        return pa.concat_tables([self._halved(batch.slice(0, middle)), self._halved(batch.slice(middle))])

    def _query(self, query: str, batch: pa.Table) -> pa.Table:
        self._connection.register("batch", batch)
        try:
            return self._connection.sql(query).to_arrow_table()
        finally:
            self._connection.unregister("batch")

    def _examined(
        self, values: Sequence[bytes | None], suspects: list[int], uploads: pa.Table, rows: pa.Array
    ) -> Decoded:
        refused: list[tuple[int, Refused]] = []
        saved: list[dict[str, object]] = []
        saved_rows: list[int] = []
        for row in suspects:
            verdict = examine(values[row], self._model)
            if isinstance(verdict, Refused):
                refused.append((row, verdict))
            else:
                saved.append(verdict.model_dump())
                saved_rows.append(row)
        if saved:
            uploads = pa.concat_tables([uploads, pa.Table.from_pylist(saved, schema=arrow_schema(self._model))])
            rows = pa.concat_arrays([rows, pa.array(saved_rows, rows.type)])
            order = pc.sort_indices(rows)
            uploads, rows = uploads.take(order), rows.take(order)
        return Decoded(uploads, rows, refused)


def _has_odd_bracket(texts: pa.StringArray) -> bool:
    """Whether any closing bracket of a batch stands after a comma or a space: all trailing commas do, few others."""
    letters = np.frombuffer(texts.buffers()[2] or b"", dtype=np.uint8)
    for start in range(0, len(letters), LETTERS_AT_ONCE):
        brackets = start + np.flatnonzero((letters[start : start + LETTERS_AT_ONCE] | _BIT_OF_BRACES) == ord("}"))
        before = letters[brackets - 1]  # of the very first letter the last one: then the batch is looked through
        if ((before == ord(",")) | (before <= ord(" "))).any():
            return True
    return False


def _readable(values: Sequence[bytes | None]) -> tuple[pa.Array, pa.Array]:
    """Rows and texts that DuckDB can take: neither empty nor too large, valid UTF-8."""
    rows: Sequence[int] = range(len(values))
    if not all(values) or max(map(len, filter(None, values)), default=0) > MAX_UPLOAD_BYTES:
        rows = [row for row, value in enumerate(values) if value and len(value) <= MAX_UPLOAD_BYTES]
    chosen = values if len(rows) == len(values) else [values[row] for row in rows]
    try:
        texts = pa.array(chosen, pa.binary()).cast(pa.string())
    except pa.ArrowInvalid:
        # One value that is not UTF-8 makes the whole cast fail: sift them.
        rows = [row for row in rows if _is_utf8(values[row])]
        texts = pa.array([values[row] for row in rows], pa.binary()).cast(pa.string())
    return pa.array(rows, pa.int64()), texts


def _is_utf8(value: bytes | None) -> bool:
    try:
        (value or b"").decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True
