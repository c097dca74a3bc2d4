"""A record system behind a REST interface: rows one by one, each with its version and a key that makes it happen once.

What the record system has to offer, relative to its base address; bodies are JSON, values as `values.to_json` has them:

* `GET tables/T`: `{"columns": {NAME: {"kind": KIND, "is_writable": BOOL}}, "key": [NAME]}`
* `GET tables/T/rows?fields=A,B&page=P`: `{"rows": [ROW], "next_page": P or null}`;
  a ROW is `{"key": [..], "values": {..}, "row_version": N}`
* `GET tables/T/rows/KEY?fields=A,B`: one ROW; KEY is the key's values as a JSON array, quoted
* `PUT` (with `If-None-Match: *`), `PATCH`, `DELETE` (with `If-Match: "N"`) of `tables/T/rows/KEY`:
  `{"values": what it stored}`, or 412: it is no longer so
* `PUT batches/TOKEN` opens a batch with its plan: `{"state": "open", "closed" or "cancelled", "outcome": ..}`
* `GET batches/TOKEN/rows/N`: the kept answer of row N, or 404
* `PUT batches/TOKEN/outcome` closes it: `{"outcome": the one that is kept, the first}`
* `POST batches/TOKEN/cancel`, also of a token never heard of:
  `{"state": .., "plan": .., "outcome": .., "answers": {"N": kept answer}}`
* `POST batches/unknown`: `{"unknown": those of the `tokens` that are no closed batch and have no kept answer}`

A row is written with `Idempotency-Key: TOKEN/N`: the answer is kept with the row, in one transaction, and given again
for the same key. Of a batch that is closed, cancelled or past its plan's `deadline_at`, no more row is written: 410.
400, 409 and 422 to the write of a row refuse that row. Any other 4xx, or one to any other request, is no row's fault (a
token that has run out, a right that is missing, a wrong path): nothing goes on, and nothing is counted as turned down.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any, Final
from urllib.parse import quote

import pyarrow as pa

from schemas.errors import OutcomeUnknownError, OutsideError, RecordRefusedError, UnreachableError
from schemas.gearbox_ledger import Op
from schemas.records import RecordTable
from sinks.records.targets.clock import now_utc
from sinks.records.targets.http_check import faults
from sinks.records.targets.http_link import GONE, REQUEST_MOST_S, Link
from sinks.records.targets.http_plan import from_answers, from_values, to_plan
from sinks.records.targets.http_rows import RowWriter, read_row
from sinks.records.targets.outcome import from_outcome, to_outcome
from sinks.records.targets.target import ROW_VERSION, TURNED_DOWN, Batch, LeftOut, Written, columns_read
from sinks.records.values import Key, Value, from_json

TOKENS_AT_ONCE: Final = 1000


class HttpTarget:
    """One system behind a base address."""

    def __init__(
        self, system: str, base_url: str, token: str | None = None, now: Callable[[], datetime] = now_utc
    ) -> None:
        """`token`: sent as bearer; None: the password in the address, if it has one."""
        self.system = system
        self._link = Link(system, base_url if base_url.endswith("/") else f"{base_url}/", token)
        self._now = now

    def check(self, table: RecordTable, fields: Sequence[str], ops: Collection[Op] = ("insert", "update")) -> list[str]:
        with self._as_agreed():
            answer = self._link.ask("GET", f"tables/{quote(table.name, safe='')}", expected=(GONE,))
            return faults(table, fields, ops, None if answer.status == GONE else answer.body)

    def read(self, table: RecordTable, fields: Sequence[str]) -> pa.Table:
        names = columns_read(table, fields)
        others = ",".join(name for name in names if name not in table.key)
        rows: list[dict[str, Value]] = []
        page, seen = "", set[str]()
        with self._as_agreed():
            while True:
                asked = f"fields={quote(others, safe='')}&page={quote(page, safe='')}"
                body = self._link.ask("GET", f"tables/{quote(table.name, safe='')}/rows?{asked}").body
                rows += [_row(table, row) for row in body["rows"]]
                if body["next_page"] is None:
                    return _table(table, names, rows)
                page = str(body["next_page"])
                if page in seen:
                    raise self._link.malformed()
                seen.add(page)

    def read_keys(self, table: RecordTable, fields: Sequence[str], keys: Sequence[Key]) -> pa.Table:
        names = columns_read(table, fields)
        others = [name for name in names if name not in table.key]
        rows: list[dict[str, Value]] = []
        with self._as_agreed():
            for key in dict.fromkeys(keys):
                held = read_row(self._link, table, key, others, REQUEST_MOST_S)
                if held is not None:
                    found = dict(zip(table.key, key, strict=True))
                    rows.append({**held.values, **found, ROW_VERSION: held.row_version})
            return _table(table, names, rows)

    def write(self, batch: Batch) -> Written:
        """What became of a batch; rows that were written before an error stay, `cancel` tells which.

        1. the batch is opened with its plan
        2. row by row: read, compare, write what holds; a row that is refused is left out
        3. the outcome is kept, and the batch closed by that

        Raises:
            RecordRefusedError: Rows were refused, and none was written.
            UnreachableError: No row was sent.
            OutcomeUnknownError: It went away after the first row had been sent.
        """
        if self._left_s(batch) <= 0:
            raise UnreachableError(f"The deadline of a batch for {self.system!r} has passed. Nothing was written.")
        path = f"batches/{batch.token}"
        with self._as_agreed():
            opened = self._link.ask("PUT", path, to_plan(batch), most_s=self._most_s(batch)).body  # 1
            if opened["state"] == "closed":
                return from_outcome(opened["outcome"])
            if opened["state"] == "cancelled":
                raise UnreachableError(f"Batch {batch.token} for {self.system!r} was cancelled. Nothing was written.")
        try:
            with self._as_agreed():
                written, stop = self._write_rows(batch)  # 2
                if written is None:
                    self._give_up(path)
                else:
                    kept = self._link.ask("PUT", f"{path}/outcome", {"outcome": to_outcome(written)}).body  # 3
                    return from_outcome(kept["outcome"])
        except OutsideError as error:
            raise OutcomeUnknownError(
                f"Record system {self.system!r} went away while a batch was written, and has to be asked. {error}"
            ) from error
        assert stop is not None, "nothing was written for a reason"
        raise stop

    def cancel(self, token: str) -> Written | None:
        with self._as_agreed():
            found = self._link.ask("POST", f"batches/{token}/cancel").body
            if found["state"] == "closed":
                return from_outcome(found["outcome"])
            return from_answers(found["plan"], found["answers"]) if found["answers"] else None

    def unknown(self, tokens: Collection[str]) -> set[str]:
        every, found = list(tokens), set[str]()
        with self._as_agreed():
            for at in range(0, len(every), TOKENS_AT_ONCE):
                asked = every[at : at + TOKENS_AT_ONCE]
                found |= set(self._link.ask("POST", "batches/unknown", {"tokens": asked}).body["unknown"])
        return found

    def close(self) -> None:
        self._link.close()

    def _write_rows(self, batch: Batch) -> tuple[Written | None, OutsideError | None]:
        """What became of the rows; None, and why: none was written, and not for being no longer as planned alone."""
        left_out: list[LeftOut] = []
        stored: dict[tuple[int, str], Value] = {}
        is_written = False
        stop: OutsideError | None = None
        for number in range(len(batch.rows)):
            if self._left_s(batch) <= 0:
                stop = stop or UnreachableError(f"The deadline of a batch for {self.system!r} has passed.")
                left_out.append(LeftOut(number, None, "not sent: the deadline had passed"))
                continue
            try:
                row = RowWriter(self._link, batch, number, self._most_s(batch)).write()
            except RecordRefusedError as error:
                stop = stop or error
                left_out.append(LeftOut(number, None, f"{TURNED_DOWN}: {error}"))
                continue
            is_written = is_written or row.is_written
            left_out += row.left_out
            stored |= row.stored
        return (None, stop) if stop is not None and not is_written else (Written(tuple(left_out), stored), None)

    def _give_up(self, path: str) -> None:
        if self._link.ask("POST", f"{path}/cancel").body["answers"]:
            raise self._link.malformed()  # somebody else wrote rows of this token meanwhile

    def _left_s(self, batch: Batch) -> float:
        return (batch.deadline_at - self._now()).total_seconds()

    def _most_s(self, batch: Batch) -> float:
        return min(REQUEST_MOST_S, self._left_s(batch))

    @contextmanager
    def _as_agreed(self) -> Iterator[None]:
        """What an answer lacks, or holds otherwise, is told as an error of the record system."""
        try:
            yield
        except (KeyError, TypeError, ValueError, ArithmeticError, AttributeError, pa.ArrowException) as error:
            raise self._link.malformed() from error


def _row(table: RecordTable, row: Mapping[str, Any]) -> dict[str, Value]:
    kinds = [table.column(name).kind for name in table.key]
    key = {name: from_json(kind, part) for name, kind, part in zip(table.key, kinds, row["key"], strict=True)}
    return {**from_values(table, row["values"]), **key, ROW_VERSION: int(row[ROW_VERSION])}


def _table(table: RecordTable, names: tuple[str, ...], rows: list[dict[str, Value]]) -> pa.Table:
    schema = table.arrow_schema(names).append(pa.field(ROW_VERSION, pa.int64()))
    return pa.table({name: [row[name] for row in rows] for name in schema.names}, schema)
