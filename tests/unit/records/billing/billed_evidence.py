"""A June invoice with everything on it, as evidence: for the tests of what checks it."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from sinks.records.billing.evidence_file import document
from sinks.records.billing.evidence_terms import session_from
from tests.unit.records.billing.billed import MAY, may
from tests.unit.records.billing.tables import (
    Row,
    a_price,
    as_held,
    contract_row,
    lines_of,
    produced,
    records,
    session_row,
)

JUNE_20 = datetime(2026, 6, 20, 12, tzinfo=UTC)
PRICED = (
    a_price("pay_per_wash", "SE", "SEK", "wash", "12.5", base_fee="49", included_qty="1", minimum_charge="100"),
    a_price("pay_per_wash", "SE", "SEK", "wash", "13", base_fee="49", included_qty="1", minimum_charge="100")
    | {"valid_from": date(2026, 6, 10)},
)
ON_TIME = (
    contract_row(as_of=JUNE_20),
    *(session_row(f"wm-1:{number}", may(number)) for number in range(1, 5)),
    session_row("wm-1:5", may(5), anomalies=["power_cut"]),
)
LATE = (session_row("wm-1:6", may(30)), session_row("wm-1:7", JUNE_20), session_row("wm-1:8", JUNE_20))


def _gathered(lines: list[Row], earlier: list[Row]) -> dict[str, Any]:
    """As `evidence.gather` does it, of lines with their evidence."""
    own = [line for line in lines if line["component"] != "credit"]
    terms = {line["line_no"]: json.loads(line["why_terms"]) for line in own}
    return document(
        as_held(lines),
        as_held(earlier),
        {
            "contract_no": "ct-1",
            "period": lines[0]["period"],
            "status": "final",
            "currency": "SEK",
            "total": sum((line["amount"] for line in lines), Decimal(0)),
            "issued_at": datetime(2026, 7, 2, tzinfo=UTC),
        },
        {
            line["merkle_root"]: [session_from(row).line() for row in line["why_sessions"]]
            for line in own
            if line["merkle_root"]
        },
        {line["contract_version"]: terms[line["line_no"]]["contract"] for line in own},
        {line["price_version"]: terms[line["line_no"]]["tariff"] for line in own},
    )


def june() -> dict[str, Any]:
    """June's invoice: its own use at two prices, late use of May, a minimum that became less, a credit."""
    may_lines = lines_of(produced(*ON_TIME), records(prices=PRICED))
    may_lines = [line for line in may_lines if line["period"] == MAY]
    known = records(as_held(may_lines), closed=[MAY], prices=PRICED)
    lines = lines_of(produced(*ON_TIME, *LATE), known)
    credit = lines[0] | {
        "line_no": "ct-1/2026-05/2026-06/credit/" + _short("ct-1/2026-05/2026-05/base"),
        "usage_period": MAY,
        "component": "credit",
        "quantity": Decimal(0),
        "unit": "",
        "amount": Decimal("-9.00"),
        "reason": "credit of line ct-1/2026-05/2026-05/base: agreed by telephone",
        "session_count": 0,
        "waived_count": 0,
        "merkle_root": None,
        "contract_version": None,
        "price_version": None,
        "code_version": None,
    }
    return _gathered([*lines, credit], may_lines)


def _short(number: str) -> str:
    return hashlib.sha256(number.encode()).hexdigest()[:12]
