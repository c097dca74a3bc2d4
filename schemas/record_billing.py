"""Billing's own tables: prices, waivers, periods, invoices and their lines; and the rules that billing keeps itself.

A month without a row in `billing.period` is open, from the first row's month on; months before it are not billed.
Amounts are in the currency named beside them, quantities in the unit named beside them.
"""

from __future__ import annotations

from typing import Final

from schemas.record_form import RecordColumn, RecordTable

PRICE: Final = RecordTable(
    "billing",
    "price",
    ("kind", "country", "valid_from"),
    (
        RecordColumn("kind", "text", "Kind of contract: pay_per_wash, pay_per_km or flat"),
        RecordColumn("country", "text", "ISO 3166 code"),
        RecordColumn("valid_from", "date", "First local day, up to the next one of kind and country"),
        RecordColumn("currency", "text", "ISO 4217 code"),
        RecordColumn("unit", "text", "What is counted: wash, km, or empty: any session counts one"),
        RecordColumn("base_fee", "decimal", "For a whole month, used or not", "technical", "currency"),
        RecordColumn("included_qty", "precise", "Of a whole month, what the base fee pays for", "technical", "unit"),
        RecordColumn("unit_price", "precise", "Above that, up to the first tier", "technical", "currency/unit"),
        RecordColumn("minimum_charge", "decimal", "Least that base and use of a month cost", "technical", "currency"),
    ),
)
PRICE_TIER: Final = RecordTable(
    "billing",
    "price_tier",
    ("kind", "country", "valid_from", "from_qty"),
    (
        RecordColumn("kind", "text", "Kind of contract"),
        RecordColumn("country", "text", "ISO 3166 code"),
        RecordColumn("valid_from", "date", "The price it belongs to"),
        RecordColumn("from_qty", "precise", "Of the month's use that is paid for, what lies above this", unit="unit"),
        RecordColumn("unit_price", "precise", "costs this, up to the next tier", "technical", "currency/unit"),
    ),
)
WAIVER_RULE: Final = RecordTable(
    "billing",
    "waiver_rule",
    ("rule_no",),
    (
        RecordColumn("rule_no", "text", "Number of the rule"),
        RecordColumn("kind", "text", "Kind of contract that it is for; null: all", nullable=True),
        RecordColumn("anomaly", "text", "A session with this anomaly costs nothing, as the lake names it"),
        RecordColumn("valid_from", "date", "First local day of the session's end"),
        RecordColumn("valid_to", "date", "First day no more; null while it holds", nullable=True),
        RecordColumn("meaning", "text", "Why, in a sentence for the customer"),
    ),
)
PERIOD: Final = RecordTable(
    "billing",
    "period",
    ("period",),
    (
        RecordColumn("period", "date", "First day of the month"),
        RecordColumn("status", "text", "open or closed"),
        RecordColumn("closed_at", "instant", "When it was closed", "technical", "UTC", nullable=True),
        RecordColumn("closed_by", "text", "Who closed it", "personal", nullable=True),
    ),
)
INVOICE: Final = RecordTable(
    "billing",
    "invoice",
    ("invoice_no",),
    (
        RecordColumn("invoice_no", "text", "Number of the invoice", "usage"),
        RecordColumn("contract_no", "text", "Number of the contract", "usage"),
        RecordColumn("period", "date", "First day of the month it was written in", "usage"),
        RecordColumn("status", "text", "draft or final; final from the close of its period on", "usage"),
        RecordColumn("currency", "text", "ISO 4217 code", "usage"),
        RecordColumn("total", "decimal", "Sum of its lines", "usage", "currency"),
        RecordColumn("issued_at", "instant", "When it became final", "usage", "UTC", nullable=True),
    ),
    found_by=("contract_no", "period"),
)
INVOICE_LINE: Final = RecordTable(
    "billing",
    "invoice_line",
    ("line_no",),
    (
        RecordColumn("line_no", "text", "Contract, month of use, period and component", "usage"),
        RecordColumn("contract_no", "text", "Number of the contract", "usage"),
        RecordColumn("customer_id", "text", "Who pays", "personal"),
        RecordColumn("period", "date", "First day of the month whose invoice it is on", "usage"),
        RecordColumn("usage_period", "date", "First day of the month of use that it is for", "usage"),
        RecordColumn("component", "text", "usage, base, minimum or credit", "usage"),
        RecordColumn("quantity", "precise", "How much, or how much more than billed before", "usage", "unit"),
        RecordColumn("unit", "text", "wash, km, use, month; empty of a minimum or a credit", "usage"),
        RecordColumn("amount", "decimal", "Cost, or what it costs more than billed before", "usage", "currency"),
        RecordColumn("currency", "text", "ISO 4217 code", "usage"),
        RecordColumn("reason", "text", "Why it is on a later invoice than its month of use's", "usage", nullable=True),
        RecordColumn("session_count", "integer", "Sessions of the month of use behind it", "usage", "1"),
        RecordColumn("waived_count", "integer", "Of them, those that cost nothing by rule", "usage", "1"),
        RecordColumn("merkle_root", "text", "Root over the hashes of these sessions", "usage", nullable=True),
        RecordColumn("contract_version", "text", "SHA-256 of the contract's terms", "usage", nullable=True),
        RecordColumn("price_version", "text", "SHA-256 of prices, tiers and waivers", "usage", nullable=True),
        RecordColumn("code_version", "text", "Version of the program that rated it", "technical", nullable=True),
    ),
    found_by=("contract_no", "period"),
)
TABLES: Final = (PRICE, PRICE_TIER, WAIVER_RULE, PERIOD, INVOICE, INVOICE_LINE)

PERIOD_LOCK: Final = 7_246_011_938
"""Advisory lock of billing's periods: shared by whoever writes lines, held alone by whoever closes."""

RULES_DDL: Final = f"""
CREATE OR REPLACE FUNCTION billing.refuse_if_closed(what text, month date) RETURNS void LANGUAGE plpgsql AS
$$ BEGIN
  -- Whoever closes holds this lock alone: a line comes wholly before the close, or is refused.
  PERFORM pg_advisory_xact_lock_shared({PERIOD_LOCK});
  IF EXISTS (SELECT FROM billing.period WHERE period = month AND status = 'closed') THEN
    RAISE EXCEPTION 'billing period % is closed: % of it stays as it is', to_char(month, 'YYYY-MM'), what;
  END IF;
END $$;

CREATE OR REPLACE FUNCTION billing.keep_closed_lines() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN
  IF TG_OP <> 'INSERT' THEN PERFORM billing.refuse_if_closed('an invoice line', OLD.period); END IF;
  IF TG_OP <> 'DELETE' THEN PERFORM billing.refuse_if_closed('an invoice line', NEW.period); RETURN NEW; END IF;
  RETURN OLD;
END $$;
CREATE OR REPLACE TRIGGER keep_closed BEFORE INSERT OR UPDATE OR DELETE ON billing.invoice_line
  FOR EACH ROW EXECUTE FUNCTION billing.keep_closed_lines();

CREATE OR REPLACE FUNCTION billing.keep_final_invoices() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN
  IF TG_OP <> 'INSERT' AND OLD.status = 'final' THEN
    RAISE EXCEPTION 'invoice % is final: it can be neither changed nor deleted', OLD.invoice_no;
  END IF;
  IF TG_OP <> 'DELETE' THEN PERFORM billing.refuse_if_closed('an invoice', NEW.period); RETURN NEW; END IF;
  RETURN OLD;
END $$;
CREATE OR REPLACE TRIGGER keep_final BEFORE INSERT OR UPDATE OR DELETE ON billing.invoice
  FOR EACH ROW EXECUTE FUNCTION billing.keep_final_invoices();

CREATE OR REPLACE FUNCTION billing.keep_closed_periods() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN
  IF OLD.status = 'closed' THEN
    RAISE EXCEPTION 'billing period % is closed: it can be neither changed nor deleted', to_char(OLD.period, 'YYYY-MM');
  END IF;
  IF TG_OP = 'DELETE' THEN RETURN OLD; END IF;
  RETURN NEW;
END $$;
CREATE OR REPLACE TRIGGER keep_closed BEFORE UPDATE OR DELETE ON billing.period
  FOR EACH ROW EXECUTE FUNCTION billing.keep_closed_periods();

CREATE OR REPLACE FUNCTION billing.refuse_truncate() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION 'billing.% is never emptied: TRUNCATE is refused', TG_TABLE_NAME; END $$;
CREATE OR REPLACE TRIGGER never_emptied BEFORE TRUNCATE ON billing.invoice_line
  FOR EACH STATEMENT EXECUTE FUNCTION billing.refuse_truncate();
CREATE OR REPLACE TRIGGER never_emptied BEFORE TRUNCATE ON billing.invoice
  FOR EACH STATEMENT EXECUTE FUNCTION billing.refuse_truncate();
CREATE OR REPLACE TRIGGER never_emptied BEFORE TRUNCATE ON billing.period
  FOR EACH STATEMENT EXECUTE FUNCTION billing.refuse_truncate();
"""
"""Statements that make billing keep what is closed, whoever writes; its tables being there. They can run again."""
