"""What the lake has, and what its columns mean. Types are the lake's, meanings the contracts'.

What the contracts do not know (a table that somebody made, a column of another release) has the lake's own comment.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from schemas.errors import UsageError
from schemas.lake import TABLES, Meaning, meanings
from schemas.retention import STRICTER
from schemas.views import VIEWS

if TYPE_CHECKING:
    import duckdb

SENSITIVE = STRICTER
"""Data classes that nobody should read or hand on without a reason (decision D11)."""
NEAR = 0.6
"""How alike a name has to be to be meant: 1 is the same."""
MARK = " !"
NOTE = f"!: {', '.join(SENSITIVE)} data are for those who have a reason to read them"

_DECLARED = {
    **{table.name: meanings(table.contract) for table in TABLES},
    **{view.name: view.meanings() for view in VIEWS},
}
_TABLES = (
    "SELECT table_name, CASE table_type WHEN 'VIEW' THEN 'view' ELSE 'table' END AS kind, TABLE_COMMENT "
    "FROM information_schema.tables WHERE table_catalog = 'lake' ORDER BY kind DESC, table_name"
)
_COLUMNS = (
    "SELECT table_name, column_name, data_type, comment FROM duckdb_columns() WHERE database_name = 'lake' "
    "ORDER BY table_name, column_index"
)
Found = tuple[str, str, str, str | None]
"""Name of the table or view, of the column, its type, the lake's comment on it."""


@dataclass(frozen=True)
class Listing:
    """An answer to a question about the lake itself."""

    names: tuple[str, ...]
    rows: Sequence[tuple[Any, ...]]

    def marked(self) -> Listing:
        """The same for people: classes that ask for care have a mark."""
        if "class" not in self.names:
            return self
        place = self.names.index("class")
        rows = [
            (*row[:place], row[place] + MARK if row[place] in SENSITIVE else row[place], *row[place + 1 :])
            for row in self.rows
        ]
        return Listing(self.names, rows)

    @property
    def has_marks(self) -> bool:
        return "class" in self.names and any(row[self.names.index("class")].endswith(MARK) for row in self.rows)


def listing(connection: duckdb.DuckDBPyConnection, words: str) -> Listing:
    """The answer to `.tables`, `.columns [NAME]` or `.describe [NAME]`.

    Raises:
        UsageError: another word, or a name that the lake has not.
    """
    word, _, name = words.strip(" \n\t;").partition(" ")
    name = name.strip().strip('"')
    match word, name:
        case (".tables", "") | (".describe", ""):
            return Listing(("name", "kind", "meaning"), connection.execute(_TABLES).fetchall())
        case (".columns", "") | (".columns", _) | (".describe", _):
            return described(connection.execute(_COLUMNS).fetchall(), name)
    raise UsageError(f"there is no {words.strip()!r}; accepted are .tables, .columns [NAME] and .describe [NAME]")


def described(found: Iterable[Found], name: str = "") -> Listing:
    """Type, unit, class and meaning of each column of one table or view, or of all of them. Pure.

    Raises:
        UsageError: there is none of that name.
    """
    found = list(found)
    if name:
        known = {table.lower(): table for table, *_ in found}
        wanted = name.lower().removeprefix("lake.").removeprefix("main.")
        if wanted not in known:
            near = ", ".join(known[word] for word in get_close_matches(wanted, known, 3, NEAR))
            found_otherwise = f"near are {near}" if near else "vaxel sql --describe lists what there is"
            raise UsageError(f"the lake has no table and no view {name!r}; {found_otherwise}")
        found = [row for row in found if row[0] == known[wanted]]
    rows = [(table, column, kind, *_told(table, column, comment)) for table, column, kind, comment in found]
    names = ("name", "type", "unit", "class", "meaning")
    return Listing(names, [row[1:] for row in rows]) if name else Listing(("of", *names), rows)


def _told(table: str, column: str, comment: str | None) -> tuple[str, str, str]:
    told = _DECLARED.get(table, {}).get(column, Meaning(comment or "", "", ""))
    return told.unit, told.data_class, told.text
