"""The record systems' tables, as data: what ERP and CRM hold, and which DDL makes them.

| kind    | PostgreSQL       | Arrow                  | Python   |
|---------|------------------|------------------------|----------|
| text    | text             | string                 | str      |
| integer | bigint           | int64                  | int      |
| decimal | numeric(14, 2)   | decimal128(14, 2)      | Decimal  |
| date    | date             | date32                 | date     |
| instant | timestamptz      | timestamp[us, tz=UTC]  | datetime |

Every table has a `row_version`, one more with each update, kept by the record system's own trigger: whoever wants to
change a row says which version was looked at. Intervals are half-open: `owned_to` is the first day no longer owned.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

import pyarrow as pa

from schemas.fields import DataClass

Kind = Literal["text", "integer", "decimal", "date", "instant"]

DECIMAL_DIGITS: Final = 14
DECIMAL_PLACES: Final = 2

_POSTGRES: dict[Kind, str] = {
    "text": "text",
    "integer": "bigint",
    "decimal": f"numeric({DECIMAL_DIGITS}, {DECIMAL_PLACES})",
    "date": "date",
    "instant": "timestamptz",
}
_ARROW: dict[Kind, pa.DataType] = {
    "text": pa.string(),
    "integer": pa.int64(),
    "decimal": pa.decimal128(DECIMAL_DIGITS, DECIMAL_PLACES),
    "date": pa.date32(),
    "instant": pa.timestamp("us", tz="UTC"),
}


@dataclass(frozen=True)
class RecordColumn:
    """One column of a record table."""

    name: str
    kind: Kind
    meaning: str
    data_class: DataClass = "technical"
    unit: str = ""
    nullable: bool = False

    @property
    def postgres_type(self) -> str:
        return _POSTGRES[self.kind]

    @property
    def arrow_type(self) -> pa.DataType:
        return _ARROW[self.kind]


@dataclass(frozen=True)
class RecordTable:
    """One table of a record system."""

    system: str
    name: str
    key: tuple[str, ...]
    columns: tuple[RecordColumn, ...]

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
        lines = [
            f'"{column.name}" {column.postgres_type}{"" if column.nullable else " NOT NULL"}' for column in self.columns
        ]
        lines += ["row_version bigint NOT NULL DEFAULT 1", f"PRIMARY KEY ({', '.join(self.key)})"]
        body = ",\n  ".join(lines)
        return (
            f"CREATE TABLE IF NOT EXISTS {self.full_name} (\n  {body}\n);\n"
            f"CREATE OR REPLACE TRIGGER next_row_version BEFORE UPDATE ON {self.full_name}\n"
            f"  FOR EACH ROW EXECUTE FUNCTION {self.system}.next_row_version();\n"
        )


MATERIAL = RecordTable(
    "erp",
    "material",
    ("material",),
    (
        RecordColumn("material", "text", "Material number of the model"),
        RecordColumn("description", "text", "Name of the model"),
        RecordColumn("product", "text", "washer or shoe"),
        RecordColumn("label_wh_per_cycle", "decimal", "Energy of the label's programme", unit="Wh", nullable=True),
        RecordColumn("list_price", "decimal", "Price before tax and discounts", "trade_secret", "EUR"),
    ),
)
PLANT = RecordTable(
    "erp",
    "plant",
    ("plant",),
    (
        RecordColumn("plant", "text", "Plant number"),
        RecordColumn("name", "text", "Name and place of the plant"),
        RecordColumn("country", "text", "ISO 3166 code"),
    ),
)
MONTHLY_SALES = RecordTable(
    "erp",
    "monthly_sales",
    ("material", "month"),
    (
        RecordColumn("material", "text", "Material number of the model"),
        RecordColumn("month", "date", "First day of the month of sale"),
        RecordColumn("sold_qty", "integer", "Units sold in the month, as ERP counts them", "trade_secret", "1"),
        RecordColumn("activated_qty", "integer", "Of them, units that ever sent something", "usage", "1", True),
        RecordColumn("in_use_qty", "integer", "Of them, units with a session in the last 7 days", "usage", "1", True),
        RecordColumn("dormant_qty", "integer", "Activated and not in use", "usage", "1", True),
        RecordColumn("sessions_per_unit", "decimal", "Cycles or runs per activated unit", "usage", "1", True),
        RecordColumn("usage_per_session", "decimal", "Wh per cycle, or m per run", "usage", "Wh or m", True),
        RecordColumn("label_deviation_pct", "decimal", "Energy above the label's; washers only", "usage", "%", True),
    ),
)
SERIAL_NUMBER = RecordTable(
    "erp",
    "serial_number",
    ("serial",),
    (
        RecordColumn("serial", "text", "The unit's serial number, which is its device_id", "usage"),
        RecordColumn("material", "text", "Material number of the model"),
        RecordColumn("sold_on", "date", "Day of sale", "usage"),
        RecordColumn("plant", "text", "Where it was made"),
    ),
)
CUSTOMER = RecordTable(
    "crm",
    "customer",
    ("customer_id",),
    (
        RecordColumn("customer_id", "text", "Customer number", "personal"),
        RecordColumn("name", "text", "First and last name", "personal"),
        RecordColumn("email", "text", "Where to write to", "personal"),
        RecordColumn("language", "text", "ISO 639 code", "personal"),
        RecordColumn("country", "text", "ISO 3166 code", "personal"),
        RecordColumn("products_in_use", "integer", "Owned units with a session in 7 days", "usage", "1", True),
        RecordColumn("last_used_at", "instant", "End of the newest session", "usage", nullable=True),
        RecordColumn("engagement", "text", "daily, weekly, rare or none", "usage", nullable=True),
        RecordColumn("next_best_action", "text", "What to do for this customer next", "usage", nullable=True),
    ),
)
OWNERSHIP = RecordTable(
    "crm",
    "ownership",
    ("device_id", "owned_from"),
    (
        RecordColumn("device_id", "text", "Which unit", "usage"),
        RecordColumn("customer_id", "text", "Who owns it", "personal"),
        RecordColumn("owned_from", "date", "First day of ownership", "personal"),
        RecordColumn("owned_to", "date", "First day no longer owned; null while owned", "personal", nullable=True),
    ),
)

TABLES: tuple[RecordTable, ...] = (MATERIAL, PLANT, MONTHLY_SALES, SERIAL_NUMBER, CUSTOMER, OWNERSHIP)
BY_NAME: dict[str, RecordTable] = {table.full_name: table for table in TABLES}
SYSTEMS: tuple[str, ...] = tuple(dict.fromkeys(table.system for table in TABLES))


def system_ddl(system: str) -> str:
    """Statements that make one record system's schema, row version function and tables."""
    function = (
        f"CREATE OR REPLACE FUNCTION {system}.next_row_version() RETURNS trigger LANGUAGE plpgsql AS\n"
        "$$ BEGIN NEW.row_version := OLD.row_version + 1; RETURN NEW; END $$;\n"
    )
    tables = "".join(table.ddl() for table in TABLES if table.system == system)
    return f"CREATE SCHEMA IF NOT EXISTS {system};\n{function}{tables}"
