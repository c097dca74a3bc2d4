"""What CRM holds: customers and their accounts, who has which unit, consents, campaigns, what people noted."""

from __future__ import annotations

from typing import Final

from schemas.record_form import RecordColumn, RecordTable

ACCOUNT: Final = RecordTable(
    "crm",
    "account",
    ("account_id",),
    (
        RecordColumn("account_id", "text", "Account number", "personal"),
        RecordColumn("name", "text", "What the household or company is called", "personal"),
        RecordColumn("kind", "text", "household or company", "personal"),
        RecordColumn("country", "text", "ISO 3166 code", "personal"),
    ),
)
CUSTOMER: Final = RecordTable(
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
        RecordColumn("account_id", "text", "Household or company", "personal", nullable=True, is_later=True),
        RecordColumn(
            "changed_at",
            "instant",
            "When the row was last changed; CRM's own",
            unit="UTC",
            nullable=True,
            is_later=True,
        ),
    ),
    found_by=("account_id",),
)
OWNERSHIP: Final = RecordTable(
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
CUSTODY: Final = RecordTable(
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
PREFERENCE: Final = RecordTable(
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
CONSENT: Final = RecordTable(
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
CAMPAIGN: Final = RecordTable(
    "crm",
    "campaign",
    ("campaign_id",),
    (
        RecordColumn("campaign_id", "text", "Number of the campaign"),
        RecordColumn("name", "text", "What it is called"),
        RecordColumn("starts_on", "date", "First day"),
        RecordColumn("ends_on", "date", "First day it no longer runs"),
    ),
)
ACTIVITY: Final = RecordTable(
    "crm",
    "activity",
    ("activity_id",),
    (
        RecordColumn("activity_id", "text", "Number of the entry", "personal"),
        RecordColumn("customer_id", "text", "Whom it was about", "personal"),
        RecordColumn("kind", "text", "call, mail or visit", "personal"),
        RecordColumn("at", "instant", "When", "personal", "UTC"),
        RecordColumn("note", "text", "What somebody wrote down", "personal"),
    ),
    found_by=("customer_id",),
)

TABLES: Final[tuple[RecordTable, ...]] = (
    ACCOUNT,
    CUSTOMER,
    OWNERSHIP,
    CUSTODY,
    PREFERENCE,
    CONSENT,
    CAMPAIGN,
    ACTIVITY,
)

RULES_DDL: Final = """
-- CRM says of each customer when the row was last changed, whoever changed it.
CREATE OR REPLACE FUNCTION crm.touch() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN NEW.changed_at := clock_timestamp(); RETURN NEW; END $$;
CREATE OR REPLACE TRIGGER touch BEFORE UPDATE ON crm.customer FOR EACH ROW EXECUTE FUNCTION crm.touch();
"""
"""CRM's own rules: what it makes of a row that somebody writes."""
