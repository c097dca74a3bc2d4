"""ERP's sales figures as all contenders find them, what they shall become, and whether they did.

A row's figures are computed from its number, in Arrow for what is wanted and in SQL for what is held, so that nobody's
own reading of the table is trusted.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import psycopg
import pyarrow as pa
from psycopg import conninfo, sql

from sinks.records import seeding

FIELDS = ("activated_qty", "in_use_qty", "dormant_qty")
"""The fields that are written."""
TEMPLATE = "gearbox_bench"
PERSONS_FIGURE = 7_777_777
"""What a person sets by hand; nobody else writes it."""
_MODULI = (907, 809, 101)
_MONTHS = 12
_FIRST_MONTH = np.datetime64("2025-01", "M")
_NUMBER = f"(substr(material, 4)::bigint * {_MONTHS} + extract(month FROM month)::int - 1)"


@dataclass(frozen=True)
class Change:
    """What shall become of the table: of so many rows, spread evenly, the first so many fields are greater by `by`."""

    rows: int
    fields: int
    by: int

    @property
    def changes(self) -> int:
        return self.rows * self.fields


NOTHING = Change(0, 0, 0)


@dataclass(frozen=True)
class Sales:
    """A table `erp.monthly_sales` of so many rows."""

    rows: int

    @cached_property
    def numbers(self) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
        return np.arange(self.rows, dtype=np.int64)

    @cached_property
    def keys(self) -> tuple[pa.Array, pa.Array]:
        """Materials and months, in the order of the numbers."""
        materials = pa.array([f"WM-{number:07d}" for number in range(-(-self.rows // _MONTHS))], pa.string())
        months = (_FIRST_MONTH + self.numbers % _MONTHS).astype("datetime64[D]")
        return materials.take(pa.array(self.numbers // _MONTHS)), pa.array(months, pa.date32())

    def wanted(self, change: Change) -> pa.Table:
        """What a flow's model would give: keys, the three fields, and a piece of evidence."""
        is_chosen = self.numbers * change.rows % self.rows < change.rows
        columns = {
            name: pa.array(self.numbers % modulus + (is_chosen * change.by if place < change.fields else 0), pa.int64())
            for place, (name, modulus) in enumerate(zip(FIELDS, _MODULI, strict=True))
        }
        materials, months = self.keys
        return pa.table({"material": materials, "month": months, **columns, "why_unit_count": self.numbers % 997})

    def chosen(self, change: Change) -> pa.Table:
        """Of what is wanted, the rows that differ from the table as it is made, whole: with what was sold."""
        rows = self.wanted(change).drop_columns(["why_unit_count"])
        rows = rows.add_column(2, "sold_qty", pa.array(1000 + self.numbers % 997))
        return rows.filter(pa.array(self.numbers * change.rows % self.rows < change.rows))

    def make(self, server: str) -> None:
        """Makes the database that each run gets a copy of: tables, roles, rows, statistics."""
        with psycopg.connect(server, autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {TEMPLATE}".encode())
        dsn = of_database(server, TEMPLATE)
        seeding.set_up(dsn)
        figures = ", ".join(f"i % {modulus}" for modulus in _MODULI)
        with psycopg.connect(dsn, autocommit=True) as connection:
            connection.execute(
                f"INSERT INTO erp.monthly_sales (material, month, sold_qty, {', '.join(FIELDS)}) "
                f"SELECT 'WM-' || lpad((i / {_MONTHS})::text, 7, '0'), "
                f"make_date(2025, (i % {_MONTHS})::int + 1, 1), {sold('i')}, {figures} "
                f"FROM generate_series(0::bigint, {self.rows - 1}) AS i".encode()
            )
            connection.execute("VACUUM (FREEZE, ANALYZE) erp.monthly_sales")

    def wrong(self, dsn: str, change: Change, edited: int = 0) -> str:
        """What is wrong with the table, compared with what it shall be; empty: nothing.

        Args:
            edited: So many of its rows hold a person's figure, and that is right.
        """
        is_chosen = f"({_NUMBER} * {change.rows} % {self.rows} < {change.rows})"
        differs = " OR ".join(
            f"{name} IS DISTINCT FROM {_NUMBER} % {modulus}"
            + (f" + CASE WHEN {is_chosen} THEN {change.by} ELSE 0 END" if place < change.fields else "")
            for place, (name, modulus) in enumerate(zip(FIELDS, _MODULI, strict=True))
        )
        query = (
            f"SELECT count(*), count(*) FILTER (WHERE {differs} OR sold_qty <> {sold(_NUMBER)}), "
            f"count(*) FILTER (WHERE {FIELDS[0]} = {PERSONS_FIGURE}) FROM erp.monthly_sales"
        )
        with psycopg.connect(dsn) as connection:
            row = connection.execute(query.encode()).fetchone()
        assert row is not None, "an aggregate has a row"
        if row == (self.rows, edited, edited):
            return ""
        return f"{row[0]} rows, {row[1]} not as wanted, {row[2]} of a person; {self.rows} and {edited} expected"


def sold(number: str) -> str:
    """Units sold in the month, as SQL."""
    return f"1000 + {number} % 997"


def written_rows(dsn: str) -> int:
    """How often a row was written since the table was made: ERP's own trigger counts."""
    with psycopg.connect(dsn) as connection:
        row = connection.execute("SELECT coalesce(sum(row_version - 1), 0)::bigint FROM erp.monthly_sales").fetchone()
    assert row is not None, "an aggregate has a row"
    return int(row[0])


def edit(dsn: str, sales: Sales, change: Change, count: int) -> None:
    """A person sets a field of the first so many of the chosen rows by hand."""
    with psycopg.connect(dsn) as connection:
        connection.execute(
            f"UPDATE erp.monthly_sales SET {FIELDS[0]} = {PERSONS_FIGURE} WHERE (material, month) IN ("
            f"SELECT material, month FROM erp.monthly_sales WHERE {_NUMBER} * {change.rows} % {sales.rows} "
            f"< {change.rows} ORDER BY material, month LIMIT {count})".encode()
        )


def edits_that_stand(dsn: str) -> int:
    """Of the figures that a person has set, how many are there still."""
    with psycopg.connect(dsn) as connection:
        row = connection.execute(
            f"SELECT count(*) FROM erp.monthly_sales WHERE {FIELDS[0]} = {PERSONS_FIGURE}".encode()
        ).fetchone()
    assert row is not None, "an aggregate has a row"
    return int(row[0])


def of_database(server: str, name: str) -> str:
    """Address of another database of the server."""
    return conninfo.make_conninfo(server, dbname=name)


@contextmanager
def copied(server: str, name: str) -> Iterator[str]:
    """A database of its own for one run: a copy of the one that was made, dropped at the end."""
    place, dsn = sql.Identifier(name), of_database(server, name)
    with psycopg.connect(server, autocommit=True) as connection:
        # As files: the copy begins with nothing of it in the log that is still to be written.
        copy = sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY file_copy")
        connection.execute(copy.format(place, sql.Identifier(TEMPLATE)))
    try:
        seeding.set_up(dsn)  # rights to a database are not copied with it
        with psycopg.connect(dsn, autocommit=True) as connection:
            connection.execute("CHECKPOINT")
        yield dsn
    finally:
        with psycopg.connect(server, autocommit=True) as connection:
            connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(place))
