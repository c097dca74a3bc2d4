"""What service holds: cases, warranties, parts in stock."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from schemas.record_form import RecordColumn, RecordTable

CASE: Final = RecordTable(
    "service",
    "case",
    ("case_id",),
    (
        RecordColumn("case_id", "text", "Number of the case: the alert's, where an alert opened it", "usage"),
        RecordColumn("device_id", "text", "Which unit; null: all of a model", "usage", nullable=True),
        RecordColumn("kind", "text", "What is the matter", "usage"),
        RecordColumn("status", "text", "new, open, waiting, solved: set by service", "usage", default="'new'"),
        RecordColumn("priority", "integer", "1 first to 4 last; where nobody says, by kind", "usage", "1", True),
        RecordColumn("title", "text", "What is the matter, in a line", "usage"),
        RecordColumn("opened_at", "instant", "When it was opened", "usage", "UTC"),
        RecordColumn("evidence", "text", "What was measured", "usage", nullable=True),
        RecordColumn("assigned_to", "text", "Who of service has it: set by service", "personal", nullable=True),
    ),
    found_by=("device_id",),
)
WARRANTY: Final = RecordTable(
    "service",
    "warranty",
    ("serial",),
    (
        RecordColumn("serial", "text", "The unit's serial number, which is its device_id", "usage"),
        RecordColumn("starts_on", "date", "First day", "usage"),
        RecordColumn("ends_on", "date", "First day no longer covered", "usage"),
        RecordColumn("terms", "text", "What is covered"),
    ),
)
PART: Final = RecordTable(
    "service",
    "part",
    ("part",),
    (
        RecordColumn("part", "text", "Part number, as ERP's"),
        RecordColumn("description", "text", "Name of the part"),
        RecordColumn("stock_qty", "integer", "Pieces that service has", "trade_secret", "1"),
    ),
)

TABLES: Final[tuple[RecordTable, ...]] = (CASE, WARRANTY, PART)

PRIORITY_OF_KIND: Final[Mapping[str, int]] = MappingProxyType(
    {
        "bearing": 1,
        "cohort_shift": 1,
        "drain_pump": 2,
        "unbalance": 3,
        "heater_scale": 3,
        "dormant": 4,
    }
)
"""What service makes of a case that comes without a priority."""
OTHER_PRIORITY: Final = 3

RULES_DDL: Final = f"""
-- A case that comes without a priority gets the one of its kind.
CREATE OR REPLACE FUNCTION service.prioritise() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN
  IF NEW.priority IS NULL THEN
    NEW.priority := CASE NEW.kind
      {" ".join(f"WHEN '{kind}' THEN {priority}" for kind, priority in PRIORITY_OF_KIND.items())} ELSE {OTHER_PRIORITY}
    END;
  END IF;
  RETURN NEW;
END $$;
CREATE OR REPLACE TRIGGER prioritise BEFORE INSERT OR UPDATE ON service.case
  FOR EACH ROW EXECUTE FUNCTION service.prioritise();
"""
"""Service's own rules: what it makes of a row that somebody writes."""
