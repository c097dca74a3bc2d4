"""A small flow over `erp.monthly_sales` for tests of the gearbox: its declaration, rows, changes and situations."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa

from sinks.records.gear.changes import Change
from sinks.records.gear.flow import Flow, parse
from sinks.records.gear.judge_rules import Situation
from sinks.records.gear.last_write import LastWrite
from sinks.records.gear.systems import System
from sinks.records.gear.wanted import conform

MAY = date(2026, 5, 1)
NOON = datetime(2026, 5, 6, 12, 0, tzinfo=UTC)
"""A Wednesday; 14:00 in Stockholm."""

ERP = System(
    name="erp",
    kind="postgres",
    time_zone="Europe/Stockholm",
    rows_per_s=10,
    chunk_rows=5,
    nightly="01:00-05:00",
    change_window="Sun 02:00-06:00",
)

Row = tuple[str, int, int | None, str | None]
"""Material, sold_qty, in_use_qty, usage_per_session."""

DECLARATION = """
version = 1
title = "Of tests"
target = "erp.monthly_sales"
key = ["material", "month"]
limits = { max_rows = 1000, max_share_of_rows = 1.0, max_rows_per_day = 1000 }
fields.sold_qty = { gear = "live" }
fields.in_use_qty = { gear = "live" }
fields.usage_per_session = { gear = "live", null_overwrites = true }
"""


def sales(**changed: Any) -> Flow:
    """The flow, with these attributes of it; fields by name, each with what is to be different."""
    flow = parse("sales", DECLARATION, "select 1")
    fields = {name: flow.fields[name].model_copy(update=own) for name, own in changed.pop("fields", {}).items()}
    limits = flow.limits.model_copy(update=changed.pop("limits", {}))
    return flow.model_copy(update={**changed, "fields": {**flow.fields, **fields}, "limits": limits})


def produced(rows: list[Row], **more: Any) -> pa.Table:
    """Rows as a model produces them, with more columns."""
    return pa.table(
        {
            "material": pa.array([row[0] for row in rows], pa.string()),
            "month": pa.array([MAY] * len(rows), pa.date32()),
            "sold_qty": pa.array([row[1] for row in rows], pa.int32()),
            "in_use_qty": pa.array([row[2] for row in rows], pa.int32()),
            "usage_per_session": pa.array([_amount(row[3]) for row in rows], pa.decimal128(9, 2)),
            "why_session_count": pa.array([7] * len(rows), pa.int64()),
            **more,
        }
    )


def wanted(*rows: Row, flow: Flow | None = None, **more: Any) -> pa.Table:
    """The same as `conform` gives it."""
    return conform(sales() if flow is None else flow, produced(list(rows), **more))


def held(*rows: Row, row_version: int = 9) -> pa.Table:
    """Rows as the record system holds them."""
    names = ("material", "month", "sold_qty", "in_use_qty", "usage_per_session")
    schema = sales().table.arrow_schema(names).append(pa.field("row_version", pa.int64()))
    values = [(row[0], MAY, row[1], row[2], _amount(row[3]), row_version) for row in rows]
    return pa.Table.from_pylist([dict(zip(schema.names, row, strict=True)) for row in values], schema)


def key(material: str) -> str:
    """The key's JSON text."""
    return f'{{"material":"{material}","month":"2026-05-01"}}'


def change(material: str = "A", **changed: Any) -> Change:
    """A change of in_use_qty from 4 to 5, or what is said of it."""
    given: dict[str, Any] = {"op": "update", "key": key(material), "field": "in_use_qty", "before": "4", "after": "5"}
    return Change(**{**given, "row_version": 9, **changed})


def last_write(**changed: Any) -> LastWrite:
    """Our write that made the field hold 4, or what is said of it."""
    given: dict[str, Any] = {"change_set_id": 12, "kind": "plan", "before": "3", "after": "4", "stored": None}
    return LastWrite(**{**given, "lake_snapshot": 40, "at": NOON, **changed})


def situation(**changed: Any) -> Situation:
    """A Wednesday's noon at which nothing else is known."""
    given: dict[str, Any] = {"now": NOON, "system": ERP, "freezes": (), "last": {}, "consenting": {}}
    given |= {"is_approved": False, "approved_now_at": None, "planned_at": NOON, "rows_today": 0}
    return Situation(**{**given, "money_today": {}, **changed})


def _amount(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)
