"""Decodes a batch of records into columns: DuckDB parses them all at once, Python looks only at what it refused.

Holds a DuckDB connection of its own; touches no file and no network (decision D3). It lets in what the contract lets in
(`streams.refusal`) and, since neither harms, two things more: an integer in quotes may have an exponent, and a field
that nobody knows may hold what is almost JSON (nan, inf, nesting without end).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from schemas.evolution import canonical_schema, lifted
from schemas.forms import arrow_schema
from schemas.uploads import MAX_UPLOAD_BYTES, Upload
from streams.contract import doubtful_rows, typed
from streams.form import Form, Sorter
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
        uploads: Columns of the contract's newest version, in order of arrival.
        rows: Index into the batch for each row of `uploads`.
        refused: Index into the batch and why, ascending.
    """

    uploads: pa.Table
    rows: pa.Array
    refused: list[tuple[int, Refused]]


class Decoder:
    """Decodes records of one product, whatever version of its upload they are. Not to be shared between threads."""

    def __init__(self, versions: tuple[type[Upload], ...]) -> None:
        """Args: versions: Contracts, oldest first; the columns that come out are the newest one's."""
        self._versions = versions
        self._connection = duckdb.connect(config={"threads": 1, "autoinstall_known_extensions": False})
        self._sorter = Sorter(versions)

    def decode(self, values: Sequence[bytes | None]) -> Decoded:
        """Split the records' values into uploads and refusals; every row is in exactly one of them."""
        rows, texts = _readable(values)
        parts = [self._decoded_part(form, *chosen) for form, *chosen in self._parts(values, rows, texts)]
        suspects: list[int] = []
        if sum(len(part.rows) for part in parts) < len(values):
            accepted = {row for part in parts for row in part.rows.to_pylist()}
            suspects = [row for row in range(len(values)) if row not in accepted]
        refused: list[tuple[int, Refused]] = []
        saved: defaultdict[type[Upload], list[tuple[int, Upload]]] = defaultdict(list)
        for row in suspects:
            verdict = examine(values[row], self._versions)
            if isinstance(verdict, Refused):
                refused.append((row, verdict))
            else:
                saved[type(verdict)].append((row, verdict))
        parts += [self._saved_part(version, uploads) for version, uploads in saved.items()]
        return _joined(parts, canonical_schema(self._versions), refused)

    def _parts(
        self, values: Sequence[bytes | None], rows: pa.Array, texts: pa.Array
    ) -> Iterable[tuple[Form, pa.Array, pa.Array]]:
        """Rows and texts by the form they seem to have; those that seem to have none are left out."""
        for form, chosen in self._sorter.sorted_by_form(values, rows, texts):
            if chosen is None:
                yield form, rows, texts
            else:
                mask = pa.array(chosen)
                yield form, rows.filter(mask), texts.filter(mask)

    def _decoded_part(self, form: Form, rows: pa.Array, texts: pa.Array) -> _Part:
        version = form.version
        parsed = self._parse(form, rows, texts)
        doubtful = doubtful_rows(parsed, version)
        if _has_odd_bracket(texts):
            has_comma = rows.filter(pc.match_substring_regex(texts, TRAILING_COMMA))
            doubtful |= pc.is_in(parsed.column("row"), value_set=has_comma).to_numpy()
        clean = parsed.filter(pa.array(~doubtful)) if doubtful.any() else parsed
        uploads = lifted(typed(clean, version), version, self._versions)
        return _Part(uploads, clean.column("row").combine_chunks())

    def _saved_part(self, version: type[Upload], saved: list[tuple[int, Upload]]) -> _Part:
        uploads = pa.Table.from_pylist([upload.model_dump() for _, upload in saved], schema=arrow_schema(version))
        return _Part(lifted(uploads, version, self._versions), pa.array([row for row, _ in saved], pa.int64()))

    def _parse(self, form: Form, rows: pa.Array, texts: pa.Array) -> pa.Table:
        """The fields of the rows that parse; rows that do not are missing, or null throughout.

        Strictly parsed, a batch fails as a whole on its first bad row, and `try` around it parses row by row at a
        sixth of the speed. So a batch that fails is sifted: what is no JSON, then what a lenient parse shows as wrong.
        """
        batch = pa.table({"row": rows, "value": texts})
        try:
            return self._query(form, form.strict, batch)
        except duckdb.InvalidInputException:
            batch = self._run("select row, value from batch where json_valid(value)", batch)
        fits = ~doubtful_rows(self._query(form, form.lenient, batch), form.version)
        return self._halved(form, batch.filter(pa.array(fits)))

    def _halved(self, form: Form, batch: pa.Table) -> pa.Table:
        """As `_parse`, for a batch with few bad rows left: they are cornered by halving."""
        try:
            return self._query(form, form.strict, batch)
        except duckdb.InvalidInputException:
            if batch.num_rows <= CORNERED_ROWS:
                return self._query(form, form.row_by_row, batch)
        middle = batch.num_rows // 2
        return pa.concat_tables([self._halved(form, batch.slice(0, middle)), self._halved(form, batch.slice(middle))])

    def _query(self, form: Form, expression: str, batch: pa.Table) -> pa.Table:
        """The fields, with those null that texts of this form leave out."""
        # unnest and not a plain struct column: Arrow then gets one flat column per field. Rows keep their order.
        parsed = self._run(f"select unnest({expression}), row from batch", batch)
        for name, kind in form.absent.items():
            parsed = parsed.append_column(name, pa.nulls(parsed.num_rows, kind))
        return parsed

    def _run(self, query: str, batch: pa.Table) -> pa.Table:
        self._connection.register("batch", batch)
        try:
            return self._connection.sql(query).to_arrow_table()
        finally:
            self._connection.unregister("batch")


@dataclass(frozen=True)
class _Part:
    """Some of a batch's uploads, lifted to the newest version, and their rows in it."""

    uploads: pa.Table
    rows: pa.Array


def _joined(parts: list[_Part], schema: pa.Schema, refused: list[tuple[int, Refused]]) -> Decoded:
    if len(parts) == 1:
        return Decoded(parts[0].uploads, parts[0].rows, refused)
    uploads = pa.concat_tables([schema.empty_table(), *(part.uploads for part in parts)])
    rows = pa.concat_arrays([pa.array([], pa.int64()), *(part.rows for part in parts)])
    order = pc.sort_indices(rows)
    return Decoded(uploads.take(order), rows.take(order), refused)


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
