"""Which Parquet files are a table, and what they lack of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sinks.lake.connection import LAKE, open_reader, outside
from sinks.lake.transactions import closed

_OF_LAKE = f"__ducklake_metadata_{LAKE}"


@dataclass(frozen=True)
class Holdings:
    """A table as its files have it.

    Attributes:
        files: Paths, in the catalogue's order.
        rows: Of the table.
        rows_in_catalogue: Of these, how many are in no file yet.
        rows_deleted: How many of the rows in the files are not the table's any more.
    """

    snapshot: int
    files: list[str]
    rows: int
    rows_in_catalogue: int
    rows_deleted: int

    @property
    def is_all(self) -> bool:
        """Whether the files alone are the table."""
        return self.rows_in_catalogue == 0 and self.rows_deleted == 0


def held(catalog: str, place: str, table: str) -> Holdings:
    """The newest snapshot of one table.

    Raises:
        UnreachableError: the catalogue does not answer.
        OutsideError: there is no lake, or no such table.
    """
    with closed(open_reader(catalog, place)) as lake, outside(f"list the files of {table!r}"):

        def asked(query: str, *values: Any) -> list[tuple[Any, ...]]:
            return lake.execute(query, list(values)).fetchall()

        lake.execute("BEGIN")  # all of it from one snapshot
        [(snapshot,)] = asked(f"SELECT id FROM ducklake_current_snapshot('{LAKE}')")
        [(rows,)] = asked(f'SELECT count(*) FROM "{table}"')
        paths = [path for (path,) in asked(f"SELECT data_file FROM ducklake_list_files('{LAKE}', ?)", table)]
        [(table_id,)] = asked(
            f"SELECT table_id FROM {_OF_LAKE}.ducklake_table WHERE table_name = ? AND end_snapshot IS NULL", table
        )
        [(in_files,)] = asked(
            f"SELECT coalesce(sum(record_count), 0)::BIGINT FROM {_OF_LAKE}.ducklake_data_file "
            "WHERE table_id = ? AND end_snapshot IS NULL",
            table_id,
        )
        inlined = 0
        for (name,) in asked(
            f"SELECT table_name FROM {_OF_LAKE}.ducklake_inlined_data_tables WHERE table_id = ?", table_id
        ):
            [(count,)] = asked(f'SELECT count(*) FROM {_OF_LAKE}."{name}" WHERE end_snapshot IS NULL')
            inlined += count
    return Holdings(snapshot, paths, rows, inlined, in_files + inlined - rows)
