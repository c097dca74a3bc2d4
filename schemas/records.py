"""The record systems' tables, as data: what ERP, CRM, service and billing hold.

Intervals are half-open: `owned_to` is the first day no longer owned. What the stream is told of them, and when, is in
`schemas.outbox`.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from schemas import record_billing, record_crm, record_erp, record_service
from schemas.record_crm import ACCOUNT, ACTIVITY, CAMPAIGN, CONSENT, CUSTODY, CUSTOMER, OWNERSHIP, PREFERENCE
from schemas.record_erp import MATERIAL, MONTHLY_SALES, PLANT, SERIAL_NUMBER, SPARE_PART, SPARE_PARTS_DEMAND
from schemas.record_form import DECIMAL_DIGITS, DECIMAL_PLACES, Kind, RecordColumn, RecordTable
from schemas.record_service import CASE, PART, WARRANTY

__all__ = [
    "ACCOUNT",
    "ACTIVITY",
    "BY_NAME",
    "CAMPAIGN",
    "CASE",
    "CONSENT",
    "CONTRACT",
    "CUSTODY",
    "CUSTOMER",
    "DECIMAL_DIGITS",
    "DECIMAL_PLACES",
    "MATERIAL",
    "MONTHLY_SALES",
    "OWNERSHIP",
    "PART",
    "PLANT",
    "PREFERENCE",
    "SERIAL_NUMBER",
    "SPARE_PART",
    "SPARE_PARTS_DEMAND",
    "SYSTEMS",
    "TABLES",
    "UTILITY_PRICE",
    "WARRANTY",
    "Kind",
    "RecordColumn",
    "RecordTable",
    "system_ddl",
]

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
    *record_erp.TABLES,
    *record_crm.TABLES,
    *record_service.TABLES,
    CONTRACT,
    UTILITY_PRICE,
    *record_billing.TABLES,
)
BY_NAME: dict[str, RecordTable] = {table.full_name: table for table in TABLES}
SYSTEMS: tuple[str, ...] = tuple(dict.fromkeys(table.system for table in TABLES))
_RULES_DDL: Final[Mapping[str, str]] = MappingProxyType(
    {
        "erp": record_erp.RULES_DDL,
        "crm": record_crm.RULES_DDL,
        "service": record_service.RULES_DDL,
        "billing": record_billing.RULES_DDL,
    }
)


def system_ddl(system: str) -> str:
    """Statements that make one record system's schema, row version function, tables and rules of its own."""
    function = (
        f"CREATE OR REPLACE FUNCTION {system}.next_row_version() RETURNS trigger LANGUAGE plpgsql AS\n"
        "$$ BEGIN NEW.row_version := OLD.row_version + 1; RETURN NEW; END $$;\n"
    )
    tables = "".join(table.ddl() for table in TABLES if table.system == system)
    return f"CREATE SCHEMA IF NOT EXISTS {system};\n{function}{tables}{_RULES_DDL.get(system, '')}"
