"""What ERP holds: materials, plants, what was sold, serial numbers, spare parts and how many are needed."""

from __future__ import annotations

from typing import Final

from schemas.record_form import RecordColumn, RecordTable

MATERIAL: Final = RecordTable(
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
PLANT: Final = RecordTable(
    "erp",
    "plant",
    ("plant",),
    (
        RecordColumn("plant", "text", "Plant number"),
        RecordColumn("name", "text", "Name and place of the plant"),
        RecordColumn("country", "text", "ISO 3166 code"),
    ),
)
MONTHLY_SALES: Final = RecordTable(
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
SERIAL_NUMBER: Final = RecordTable(
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
SPARE_PART: Final = RecordTable(
    "erp",
    "spare_part",
    ("part",),
    (
        RecordColumn("part", "text", "Part number"),
        RecordColumn("description", "text", "Name of the part"),
        RecordColumn("product", "text", "What it is a part of: washer or shoe"),
        RecordColumn("list_price", "decimal", "Price before tax and discounts", "trade_secret", "EUR"),
        RecordColumn("pack_qty", "integer", "Pieces in a pack: forecasts are kept in whole packs", unit="1"),
    ),
)
SPARE_PARTS_DEMAND: Final = RecordTable(
    "erp",
    "spare_parts_demand",
    ("part", "plant", "month"),
    (
        RecordColumn("part", "text", "Part number"),
        RecordColumn("plant", "text", "Plant that sends it"),
        RecordColumn("month", "date", "First day of the month it is needed in"),
        RecordColumn("forecast_qty", "integer", "Pieces that will be needed, in whole packs", "usage", "1", True),
        RecordColumn("alert_qty", "integer", "Alerts behind the forecast", "usage", "1", True),
        RecordColumn("planned_qty", "integer", "The planner's own figure, not ours", "trade_secret", "1", True),
    ),
)

TABLES: Final[tuple[RecordTable, ...]] = (
    MATERIAL,
    PLANT,
    MONTHLY_SALES,
    SERIAL_NUMBER,
    SPARE_PART,
    SPARE_PARTS_DEMAND,
)

RULES_DDL: Final = """
-- Spare parts are sent in packs: what is forecast is rounded up to whole ones.
CREATE OR REPLACE FUNCTION erp.whole_packs() RETURNS trigger LANGUAGE plpgsql AS
$$ DECLARE pack bigint; BEGIN
  SELECT pack_qty INTO pack FROM erp.spare_part WHERE spare_part.part = NEW.part;
  IF pack > 1 AND NEW.forecast_qty > 0 AND NEW.forecast_qty % pack <> 0 THEN
    NEW.forecast_qty := NEW.forecast_qty + pack - NEW.forecast_qty % pack;
  END IF;
  RETURN NEW;
END $$;
CREATE OR REPLACE TRIGGER whole_packs BEFORE INSERT OR UPDATE ON erp.spare_parts_demand
  FOR EACH ROW EXECUTE FUNCTION erp.whole_packs();
"""
"""ERP's own rules: what it makes of a value that somebody writes."""
