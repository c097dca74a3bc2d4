"""The evidence of one invoice as a small JSON document, with which a customer checks it alone. Pure.

It holds the invoice's lines, the sessions behind them, the terms they were rated by, and what earlier invoices of the
same contract have billed of the same months; nothing of anybody else, and no name. Sessions are named by their Merkle
root, terms by their SHA-256: a line points to them with the numbers it carries.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from sinks.records.billing.line_numbers import invoice_no
from sinks.records.billing.months import name_of
from sinks.records.billing.terms import canonical
from sinks.records.values import to_json

FORMAT: Final = "vaxel billing evidence 1"

LINE_FIELDS: Final = (
    "line_no", "usage_period", "component", "quantity", "unit", "amount", "currency", "reason", "session_count",
    "waived_count", "merkle_root", "contract_version", "price_version", "code_version",
)  # fmt: skip
BEFORE_FIELDS: Final = ("line_no", "period", "quantity", "amount")
UNSIGNED: Final = ("digest", "signature")
"""Names of the document that its digest does not go over."""


def document(
    lines: Sequence[Mapping[str, Any]],
    earlier: Sequence[Mapping[str, Any]],
    invoice: Mapping[str, Any],
    sessions: Mapping[str, Sequence[Sequence[Any]]],
    contracts: Mapping[str, Mapping[str, Any]],
    tariffs: Mapping[str, Mapping[str, Any]],
) -> dict[str, Any]:
    """The document, with its digest and without a signature.

    Args:
        lines: Rows of `billing.invoice_line` of one contract and period.
        earlier: Rows of the same contract in earlier periods.
        invoice: Row of `billing.invoice`, or the draft's.
        sessions: By Merkle root (hex).
        contracts: Terms by `contract_version`.
        tariffs: Prices, tiers and waivers by `price_version`.
    """
    body = {
        "format": FORMAT,
        "contract_no": invoice["contract_no"],
        "period": name_of(invoice["period"]),
        "invoice": {
            "invoice_no": invoice_no(invoice["contract_no"], invoice["period"]),
            **{name: to_json(invoice[name]) for name in ("status", "currency", "total", "issued_at")},
        },
        "lines": [_line(line, earlier) for line in sorted(lines, key=_number)],
        "sessions": dict(sessions),
        "contracts": dict(contracts),
        "tariffs": dict(tariffs),
    }
    return body | {"digest": digest(body)}


def _line(line: Mapping[str, Any], earlier: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    before = [
        {name: to_json(row[name]) for name in BEFORE_FIELDS}
        for row in sorted(earlier, key=_number)
        if line["component"] != "credit"
        and row["usage_period"] == line["usage_period"]
        and row["component"] == line["component"]
        and row["period"] < line["period"]
    ]
    return {name: to_json(line[name]) for name in LINE_FIELDS} | {"billed_before": before}


def _number(row: Mapping[str, Any]) -> str:
    return str(row["line_no"])


def digest(body: Mapping[str, Any]) -> str:
    """SHA-256 over the canonical JSON of everything but digest and signature: what a signature is over."""
    rest = {name: value for name, value in body.items() if name not in UNSIGNED}
    return hashlib.sha256(canonical(rest).encode()).hexdigest()
