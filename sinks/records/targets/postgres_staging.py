"""A batch beside its target, in a temporary table, and the statements that compare and carry over.

The staged columns have names by position, so that no column of a record table is in their way: `k0` is the first part
of the key; `f0` says whether the row has the first field, `b0` what it must hold, `a0` what it shall hold.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final

from psycopg import sql

from schemas.records import Kind
from sinks.records.targets.copy_text import copy_lines
from sinks.records.targets.postgres_reading import place
from sinks.records.targets.postgres_session import Connection
from sinks.records.targets.target import Batch
from sinks.records.values import Key, Value

# A decimal is not rounded to the column's places here, else nobody would see that it was.
STAGED: Final[dict[Kind, str]] = {
    "text": 'text COLLATE "C"',
    "integer": "bigint",
    "decimal": "numeric",
    "precise": "numeric",
    "date": "date",
    "instant": "timestamptz",
}

_HOLDS_ALL: Final = " AND (NOT f{at} OR {held} IS NOT DISTINCT FROM b{at})"


@dataclass(frozen=True)
class Met:
    """A row of the batch beside what the target holds.

    Attributes:
        row_version: None: there is no such row.
        differing: The batch's fields that hold something else, and what.
    """

    row: int
    row_version: int | None
    differing: dict[str, Value]


@dataclass(frozen=True)
class Staging:
    """One batch in one transaction."""

    connection: Connection
    batch: Batch
    fields: tuple[str, ...] = field(init=False)

    def __post_init__(self) -> None:
        named = {name: None for row in self.batch.rows for name in (*row.before, *row.after)}
        object.__setattr__(self, "fields", tuple(named))

    def copy_in(self) -> None:
        """Makes `staged` and fills it; it is gone with the transaction."""
        lines = copy_lines(self._columns())
        columns = ["NULL::int AS row_no, NULL::text AS op, NULL::int AS set_no, NULL::bigint AS row_version"]
        parts = [sql.SQL("target.{} AS {}").format(_name(name), _name(f"k{at}")) for at, name in enumerate(self._key)]
        for at, name in enumerate(self.fields):
            of_kind = STAGED[self.batch.table.column(name).kind]
            columns.append(f"NULL::bool AS f{at}, NULL::{of_kind} AS b{at}, NULL::{of_kind} AS a{at}")
        self._execute(
            "CREATE TEMPORARY TABLE staged ON COMMIT DROP AS SELECT {columns}, {key} FROM {target} WITH NO DATA",
            columns=sql.SQL(", ".join(columns)),
            key=sql.SQL(", ").join(parts),
        )
        with self.connection.cursor() as cursor, cursor.copy("COPY pg_temp.staged FROM STDIN") as copy:
            copy.write(lines)

    def lock(self) -> bool:
        """Holds the target's rows, in key order, so that two writers cannot wait for each other; whether all is there
        and as planned."""
        ((as_planned,),) = self._execute(
            "SELECT count(*) FILTER (WHERE fits) FROM (SELECT {same_version} {holds} AS fits "
            "FROM pg_temp.staged JOIN {target} ON {same_key} WHERE op <> 'insert' ORDER BY {key} FOR UPDATE OF target"
            ") AS locked",
            holds=self._each(_HOLDS_ALL),
            key=self._listed("target.{}", self._key),
        )
        return bool(as_planned == sum(row.op != "insert" for row in self.batch.rows))

    def not_as_planned(self) -> list[Met]:
        """Rows to update or delete that are gone, have another version than demanded or hold another value."""
        return self._met(
            "op <> 'insert' AND (target.row_version IS NULL OR staged.row_version <> target.row_version OR {differs})",
            "f{at} AND {held} IS DISTINCT FROM b{at}",
        )

    def not_as_sent(self) -> list[Met]:
        """Rows that are not as the batch would have them, all statements being done; deleted rows that are there."""
        return self._met(
            "op = 'delete' AND target.row_version IS NOT NULL "
            "OR op <> 'delete' AND (target.row_version IS NULL OR {differs})",
            "f{at} AND {held} IS DISTINCT FROM a{at}",
        )

    def delete(self) -> None:
        self._execute(
            "DELETE FROM {target} USING pg_temp.staged WHERE op = 'delete' AND {same_key} AND {same_version} {holds}",
            holds=self._each(_HOLDS_ALL),
        )

    def update(self) -> None:
        """Each field that holds what it must; a row without any is not touched."""
        change = "{name} = CASE WHEN f{at} AND {held} IS NOT DISTINCT FROM b{at} THEN a{at} ELSE target.{name} END"
        self._execute(
            "UPDATE {target} SET {changes} FROM pg_temp.staged "
            "WHERE op = 'update' AND {same_key} AND {same_version} AND (false {holds})",
            changes=self._each(change, ", "),
            holds=self._each(" OR (f{at} AND {held} IS NOT DISTINCT FROM b{at})"),
        )

    def insert(self) -> set[Key]:
        """Keys of the rows that were added; those that were there already are left alone."""
        added: set[Key] = set()
        for number, names in enumerate(self._inserted):
            values = [sql.SQL(f"a{self.fields.index(name)}") for name in names]
            keys = [sql.SQL(f"k{at}") for at in range(len(self._key))]
            added.update(
                self._execute(
                    "INSERT INTO {table} ({columns}) SELECT {values} FROM pg_temp.staged "
                    "WHERE op = 'insert' AND set_no = {number} ORDER BY {order} ON CONFLICT ({key}) DO NOTHING "
                    "RETURNING {key}",
                    table=place(self.batch.table),
                    columns=sql.SQL(", ").join(map(_name, (*self._key, *names))),
                    values=sql.SQL(", ").join([*keys, *values]),
                    number=sql.Literal(number),
                    order=sql.SQL(", ").join(keys),
                    key=self._listed("{}", self._key),
                )
            )
        return added

    @property
    def _key(self) -> tuple[str, ...]:
        return self.batch.table.key

    @cached_property
    def _inserted(self) -> dict[tuple[str, ...], int]:
        """Sets of fields of added rows: a field that a row does not have gets the column's own default."""
        found = dict.fromkeys(tuple(row.after) for row in self.batch.rows if row.op == "insert")
        return {names: number for number, names in enumerate(found)}

    def _columns(self) -> list[Sequence[Value | bool]]:
        """The staged table's columns, in its order."""
        rows = self.batch.rows
        set_nos = [self._inserted[tuple(row.after)] if row.op == "insert" else None for row in rows]
        columns: list[Sequence[Value | bool]] = [range(len(rows)), [row.op for row in rows], set_nos]
        columns.append([row.row_version for row in rows])
        for name in self.fields:
            columns.append([name in (row.before if row.op == "delete" else row.after) for row in rows])
            columns.append([row.before.get(name) for row in rows])
            columns.append([row.after.get(name) for row in rows])
        return [*columns, *zip(*(row.key for row in rows), strict=True)]

    def _met(self, condition: str, differs: str) -> list[Met]:
        found = self._execute(
            "SELECT row_no, target.row_version {values} FROM pg_temp.staged LEFT JOIN {target} ON {same_key} "
            "WHERE " + condition + " ORDER BY row_no",
            values=self._each(f", {differs}, target.{{name}}"),
            differs=sql.SQL("(false{})").format(self._each(f" OR ({differs})")),
        )
        return [
            Met(number, version, {name: held for name, (is_other, held) in self._paired(values) if is_other})
            for number, version, *values in found
        ]

    def _paired(self, values: list[Any]) -> Iterable[tuple[str, tuple[bool, Value]]]:
        return zip(self.fields, zip(values[::2], values[1::2], strict=True), strict=True)

    def _execute(self, statement: str, **parts: sql.Composable) -> list[Any]:
        cursor = self.connection.execute(
            sql.SQL(statement).format(
                **{
                    "target": sql.SQL("{} AS target").format(place(self.batch.table)),
                    "same_key": self._same_key,
                    "same_version": sql.SQL("coalesce(target.row_version = staged.row_version, true)"),
                    **parts,
                }
            )
        )
        return cursor.fetchall() if cursor.description else []

    @cached_property
    def _same_key(self) -> sql.Composable:
        return sql.SQL(" AND ").join(
            sql.SQL("target.{} = staged.{}").format(_name(name), _name(f"k{at}")) for at, name in enumerate(self._key)
        )

    def _listed(self, form: str, names: tuple[str, ...]) -> sql.Composable:
        return sql.SQL(", ").join(sql.SQL(form).format(_name(name)) for name in names)

    def _each(self, form: str, between: str = " ") -> sql.Composable:
        """The form once for each field: `{name}` is its column, `{held}` what the target holds, `{at}` its number."""
        written = [
            form.replace("{held}", self._held(name)).replace("{at}", str(at)) for at, name in enumerate(self.fields)
        ]
        return sql.SQL(between).join(
            sql.SQL(text).format(name=_name(name)) for text, name in zip(written, self.fields, strict=True)
        )

    def _held(self, name: str) -> str:
        # The staged texts compare byte by byte; a column with a collation of its own would be in doubt.
        return "target.{name}" + (' COLLATE "C"' if self.batch.table.column(name).kind == "text" else "")


def _name(name: str) -> sql.Identifier:
    return sql.Identifier(name)
