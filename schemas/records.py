"""The record systems' tables, as data: what ERP, CRM and billing hold.

Intervals are half-open: `owned_to` is the first day no longer owned. What the stream is told of them, and when, is in
`schemas.outbox`.
"""

from __future__ import annotations

from schemas.record_form import DECIMAL_DIGITS, DECIMAL_PLACES, Kind, RecordColumn, RecordTable

__all__ = ["BY_NAME", "DECIMAL_DIGITS", "DECIMAL_PLACES", "SYSTEMS", "TABLES", "Kind", "RecordColumn", "RecordTable"]

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
        RecordColumn(
            "registered_at",
            "instant",
            "When the unit was entered here",
            "technical",
            "UTC",
            nullable=True,
            default="now()",
            is_later=True,
        ),
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

CUSTODY = RecordTable(
    "crm",
    "custody",
    ("device_id", "from_at"),
    (
        RecordColumn("device_id", "text", "Which unit", "usage"),
        RecordColumn("from_at", "instant", "Since when they have it", "personal", "UTC"),
        RecordColumn("to_at", "instant", "Since when no more; null while they do", "personal", "UTC", nullable=True),
        RecordColumn("customer_id", "text", "Who has it", "personal"),
        RecordColumn("kind", "text", "How it came to them: sold, rented, resold or swapped", "usage"),
    ),
    found_by=("customer_id",),
)
PREFERENCE = RecordTable(
    "crm",
    "preference",
    ("customer_id",),
    (
        RecordColumn("customer_id", "text", "Customer number", "personal"),
        RecordColumn("time_zone", "text", "Where they live: name in the IANA time zone database", "personal"),
        RecordColumn("insights_per_week", "integer", "Most advice they want in a week", "personal", "1/week"),
        RecordColumn("max_heart_rate_bpm", "decimal", "Their highest heart rate, if told", "health", "1/min", True),
        RecordColumn("goal", "text", "health, 10k, half_marathon or marathon; null: none", "personal", nullable=True),
        RecordColumn("weekly_km", "decimal", "Kilometres a week of their programme", "personal", "km", True),
        RecordColumn("runs_per_week", "integer", "Runs a week of their programme", "personal", "1", True),
    ),
)
CONSENT = RecordTable(
    "crm",
    "consent",
    ("consent_no",),
    (
        RecordColumn("consent_no", "text", "Number of the declaration", "personal"),
        RecordColumn("customer_id", "text", "Who agreed", "personal"),
        RecordColumn("device_id", "text", "For this unit; null: for all they have or had", "usage", nullable=True),
        RecordColumn("purpose", "text", "health, location, coaching or care", "personal"),
        RecordColumn("granted_at", "instant", "Since when", "personal", "UTC"),
        RecordColumn("withdrawn_at", "instant", "Since when no more; null while it holds", "personal", "UTC", True),
    ),
    found_by=("customer_id",),
)
CONTRACT = RecordTable(
    "billing",
    "contract",
    ("contract_no",),
    (
        RecordColumn("contract_no", "text", "Number of the contract", "usage"),
        RecordColumn("device_id", "text", "Which unit", "usage"),
        RecordColumn("customer_id", "text", "Who pays", "personal"),
        RecordColumn("kind", "text", "owned, pay_per_wash, pay_per_km or flat", "usage"),
        RecordColumn("country", "text", "Where the unit is used: ISO 3166 code", "usage"),
        RecordColumn("valid_from", "instant", "Since when", "usage", "UTC"),
        RecordColumn("valid_to", "instant", "Since when no more; null while it runs", "usage", "UTC", nullable=True),
    ),
    found_by=("device_id", "country"),
)
UTILITY_PRICE = RecordTable(
    "billing",
    "utility_price",
    ("country", "valid_from"),
    (
        RecordColumn("country", "text", "ISO 3166 code"),
        RecordColumn("valid_from", "instant", "Since when, up to the next one", "technical", "UTC"),
        RecordColumn("currency", "text", "ISO 4217 code"),
        RecordColumn("energy_per_kwh", "decimal", "What households pay for energy", "technical", "currency/kWh"),
        RecordColumn("water_per_m3", "decimal", "What they pay for water and its waste", "technical", "currency/m³"),
    ),
)

TABLES: tuple[RecordTable, ...] = (
    MATERIAL,
    PLANT,
    MONTHLY_SALES,
    SERIAL_NUMBER,
    CUSTOMER,
    OWNERSHIP,
    CUSTODY,
    PREFERENCE,
    CONSENT,
    CONTRACT,
    UTILITY_PRICE,
)
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
