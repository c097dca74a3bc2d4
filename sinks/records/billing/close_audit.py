"""What the gearbox's audit tells of closes: that a month was closed, and before that if somebody forced it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final

from schemas.gearbox_ledger import AuditEvent
from schemas.record_billing import PERIOD
from sinks.records.database import Connection
from sinks.records.gear.audit import append, lock
from sinks.records.gear.chain import AuditRow, instant_text
from sinks.records.values import key_text

_FORCED: Final = """
SELECT detail::jsonb ->> 'reason' AS reason FROM gearbox.audit
WHERE event = 'period_forced' AND key = %s AND detail::jsonb ->> 'closed_at' = %s
"""
_IS_TOLD: Final = "SELECT FROM gearbox.audit WHERE event = 'period_closed' AND key = %s"


def tell_forced(ledger: Connection, period: date, who: str, now: datetime, reason: str, lacking: str) -> None:
    """Tells that somebody closes a month at this instant though its facts are not there."""
    detail = {"reason": reason, "lacking": lacking, "closed_at": instant_text(now)}
    with ledger.transaction():
        append(ledger, [_row("period_forced", period, who, detail)], now)


def tell_closed(
    ledger: Connection,
    period: date,
    who: str,
    closed_at: datetime,
    invoices: int,
    totals: Mapping[str, Decimal],
    now: datetime,
) -> bool:
    """Tells that a month is closed, unless the audit does so already; whether it was told now."""
    with ledger.transaction():
        lock(ledger)  # of two that close the same month, one tells it
        if ledger.execute(_IS_TOLD, [_key(period)]).fetchone() is not None:
            return False
        at = instant_text(closed_at)
        forced = ledger.execute(_FORCED, [_key(period), at]).fetchone()
        detail = {
            "closed_at": at,
            "invoices": invoices,
            "totals": {currency: str(total) for currency, total in totals.items()},
            "forced": None if forced is None else forced["reason"],
        }
        append(ledger, [_row("period_closed", period, who, detail)], now)
        return True


def _row(event: AuditEvent, period: date, who: str, detail: Mapping[str, Any]) -> AuditRow:
    told = json.dumps(detail, ensure_ascii=False, separators=(",", ":"))
    return AuditRow(event, who, target_table=PERIOD.full_name, key=_key(period), detail=told)


def _key(period: date) -> str:
    return key_text(PERIOD.key, (period,))
