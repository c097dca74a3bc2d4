"""How a table of a record system is declared, and which DDL and Arrow schema follow from that.

| kind    | PostgreSQL       | Arrow                  | Python   |
|---------|------------------|------------------------|----------|
| text    | text             | string                 | str      |
| integer | bigint           | int64                  | int      |
| decimal | numeric(14, 2)   | decimal128(14, 2)      | Decimal  |
| precise | numeric(18, 6)   | decimal128(18, 6)      | Decimal  |
| date    | date             | date32                 | date     |
| instant | timestamptz      | timestamp[us, tz=UTC]  | datetime |

`precise` is for prices and quantities that an amount is made of: nothing is rounded before the amount is.

Every table has a `row_version`, one more with each update, kept by the record system's own trigger: whoever wants to
change a row says which version was looked at.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

import pyarrow as pa

from schemas.fields import DataClass

Kind = Literal["text", "integer", "decimal", "precise", "date", "instant"]

DECIMAL_DIGITS: Final = 14
DECIMAL_PLACES: Final = 2
PRECISE_DIGITS: Final = 18
PRECISE_PLACES: Final = 6

_POSTGRES: dict[Kind, str] = {
    "text": "text",
    "integer": "bigint",
    "decimal": f"numeric({DECIMAL_DIGITS}, {DECIMAL_PLACES})",
    "precise": f"numeric({PRECISE_DIGITS}, {PRECISE_PLACES})",
    "date": "date",
    "instant": "timestamptz",
}
_ARROW: dict[Kind, pa.DataType] = {
    "text": pa.string(),
    "integer": pa.int64(),
    "decimal": pa.decimal128(DECIMAL_DIGITS, DECIMAL_PLACES),
    "precise": pa.decimal128(PRECISE_DIGITS, PRECISE_PLACES),
    "date": pa.date32(),
    "instant": pa.timestamp("us", tz="UTC"),
}


@dataclass(frozen=True)
class RecordColumn:
    """One column of a record table.

    Attributes:
        default: What the record system puts there where nobody says anything, in SQL.
        is_later: It came after tables without it had been released: those get it.
    """

    name: str
    kind: Kind
    meaning: str
    data_class: DataClass = "technical"
    unit: str = ""
    nullable: bool = False
    default: str = ""
    is_later: bool = False

    @property
    def postgres_type(self) -> str:
        return _POSTGRES[self.kind]

    @property
    def arrow_type(self) -> pa.DataType:
        return _ARROW[self.kind]

    @property
    def ddl(self) -> str:
        rest = ("" if self.nullable else " NOT NULL") + (f" DEFAULT {self.default}" if self.default else "")
        return f'"{self.name}" {self.postgres_type}{rest}'


@dataclass(frozen=True)
class RecordTable:
    """One table of a record system.

    Attributes:
        found_by: Columns that rows are looked up by, beside the key.
    """

    system: str
    name: str
    key: tuple[str, ...]
    columns: tuple[RecordColumn, ...]
    found_by: tuple[str, ...] = ()

    @property
    def full_name(self) -> str:
        return f"{self.system}.{self.name}"

    @property
    def column_names(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.columns)

    def column(self, name: str) -> RecordColumn:
        return next(column for column in self.columns if column.name == name)

    def arrow_schema(self, names: tuple[str, ...]) -> pa.Schema:
        return pa.schema([pa.field(name, self.column(name).arrow_type) for name in names])

    def ddl(self) -> str:
        """Statements that make the table and its row version; running them again changes nothing."""
        lines = [column.ddl for column in self.columns]
        lines += ["row_version bigint NOT NULL DEFAULT 1", f"PRIMARY KEY ({', '.join(self.key)})"]
        body = ",\n  ".join(lines)
        later = "".join(
            f"ALTER TABLE {self.full_name} ADD COLUMN IF NOT EXISTS {column.ddl};\n"
            for column in self.columns
            if column.is_later
        )
        indexes = "".join(
            f"CREATE INDEX IF NOT EXISTS {self.name}_by_{name} ON {self.full_name} ({name});\n"
            for name in self.found_by
        )
        return (
            f"CREATE TABLE IF NOT EXISTS {self.full_name} (\n  {body}\n);\n{later}{indexes}"
            f"CREATE OR REPLACE TRIGGER next_row_version BEFORE UPDATE ON {self.full_name}\n"
            f"  FOR EACH ROW EXECUTE FUNCTION {self.system}.next_row_version();\n"
        )
