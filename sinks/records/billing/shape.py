"""Makes invoice lines of what the model of a billing flow produced. Pure.

In:            the model's rows: one for each contract that is paid for, one for each of its sessions; billing's tables.
Out:           the lines that open periods shall hold, with their evidence.
Guarantee:     the same rows give the same lines, in whatever order; closed periods are never spoken of.
On failure:    UsageError when billing has no periods or no price, or an amount would change its currency.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from schemas.errors import UsageError
from schemas.record_billing import INVOICE_LINE, PERIOD, PRICE, PRICE_TIER, WAIVER_RULE
from sinks.records.billing.lines import Billed, Line, MonthOfUse, Periods, lines
from sinks.records.billing.months import between, instant, local_day, month_of, name_of
from sinks.records.billing.rating import RATING_VERSION, RatedSession, rate, root_of
from sinks.records.billing.terms import (
    ContractTerms,
    Price,
    PriceList,
    Tariff,
    Tier,
    Waiver,
    as_json,
    canonical,
    tariff_json,
    version,
)
from sinks.records.gear.flow import Flow

RECORDS: Final = tuple(table.full_name for table in (PRICE, PRICE_TIER, WAIVER_RULE, PERIOD, INVOICE_LINE))
"""Tables of billing that `shape` and `held_filter` need, whole."""

_METRES: Final = Decimal(1000)
_SESSION: Final = pa.struct(
    [
        pa.field("session_id", pa.string()),
        pa.field("version", pa.int64()),
        pa.field("ended_at_ms", pa.int64()),
        pa.field("quantity", pa.string()),
        pa.field("waived", pa.string()),
    ]
)


def shape(flow: Flow, produced: pa.Table, records: Mapping[str, pa.Table], code_version: str | None = None) -> pa.Table:
    """Key, fields, `why_*` and `gate_complete_share` of the lines of open periods, by number.

    Args:
        produced: As `flows/billing.usage_line/model.sql` gives it.
        records: The tables of `RECORDS` by name.
        code_version: What rated it; None: the flow's and the rating's versions.
    """
    known, prices = periods(records), price_list(records)
    billed = [Billed(**{name: row[name] for name in Billed.__slots__}) for row in _closed_lines(records, known)]
    _refuse_forgetful_lake(produced, billed)
    wanted = lines(months_of_use(produced, prices, known), billed, known)
    told = code_version or f"{flow.full_version}/rating-{RATING_VERSION}"
    rows = [_row(line, told) for line in wanted]
    return pa.Table.from_pylist(rows, _schema())


def held_filter(held: pa.Table, records: Mapping[str, pa.Table]) -> pa.Table:
    """Those of the held lines that a plan may touch: of open periods, and no credits."""
    closed = pa.array(sorted(periods(records).closed), pa.date32())
    is_open = pc.invert(pc.is_in(held.column("period"), value_set=closed))
    return held.filter(pc.and_(is_open, pc.not_equal(held.column("component"), "credit")))


def periods(records: Mapping[str, pa.Table]) -> Periods:
    """Which months are billed and which are closed.

    Raises:
        UsageError: Billing has none.
    """
    rows = records[PERIOD.full_name].to_pylist()
    if not rows:
        raise UsageError("billing.period is empty: its first row is the first month that is billed. Run `vaxel seed`.")
    return Periods(
        min(row["period"] for row in rows), frozenset(row["period"] for row in rows if row["status"] == "closed")
    )


def _closed_lines(records: Mapping[str, pa.Table], known: Periods) -> list[dict[str, Any]]:
    return [
        row
        for row in records[INVOICE_LINE.full_name].to_pylist()
        if known.is_closed(row["period"]) and row["component"] != "credit"
    ]


def _refuse_forgetful_lake(produced: pa.Table, billed: Sequence[Billed]) -> None:
    """Stops where the lake ends before months that are billed: what it has lost is no reason to give money back.

    Raises:
        UsageError: It does.
    """
    newest_ms = pc.max(produced.column("as_of_ms")).as_py()
    if not billed or (newest_ms is None and not len(produced)):
        return
    last = max(line.usage_period for line in billed)
    if newest_ms is None or month_of(local_day(instant(newest_ms), "JP")) < last:
        raise UsageError(
            f"The lake holds no sessions of {name_of(last)} or later, and that month is billed: the lake seems to have "
            "been put back to an older state."
        )


def price_list(records: Mapping[str, pa.Table]) -> PriceList:
    """Prices, tiers and waivers as billing holds them."""
    prices: defaultdict[tuple[str, str], list[Price]] = defaultdict(list)
    for row in records[PRICE.full_name].to_pylist():
        prices[row["kind"], row["country"]].append(Price(**{name: row[name] for name in Price.__slots__}))
    tiers: defaultdict[tuple[str, str, date], list[Tier]] = defaultdict(list)
    for row in records[PRICE_TIER.full_name].to_pylist():
        tiers[row["kind"], row["country"], row["valid_from"]].append(Tier(row["from_qty"], row["unit_price"]))
    waivers = [
        Waiver(**{name: row[name] for name in Waiver.__slots__}) for row in records[WAIVER_RULE.full_name].to_pylist()
    ]
    return PriceList(prices, tiers, waivers)


def months_of_use(produced: pa.Table, prices: PriceList, known: Periods) -> Iterator[MonthOfUse]:
    """Months of use of all contracts, from the first that is billed to the newest that the lake knows of."""
    sessions: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)
    contracts: list[dict[str, Any]] = []
    for row in produced.to_pylist():
        if row["session_id"] is None:
            contracts.append(row)
        else:
            sessions[row["contract_no"]].append(row)
    for row in contracts:
        terms = ContractTerms(**{name: row[name] for name in ContractTerms.__slots__})
        if row["as_of_ms"] is None:
            continue
        last = local_day(instant(row["as_of_ms"]), terms.country)
        if terms.valid_to is not None:
            last = min(last, local_day(terms.valid_to, terms.country))
        begin = max(known.first, month_of(local_day(terms.valid_from, terms.country)))
        by_month: defaultdict[date, list[dict[str, Any]]] = defaultdict(list)
        for session in sessions[terms.contract_no]:
            by_month[month_of(local_day(instant(session["ended_at_ms"]), terms.country))].append(session)
        complete = json.loads(row["complete_months"] or "{}")
        for month in between(begin, month_of(last)):
            tariff = prices.tariff(terms.kind, terms.country, month)
            yield _month(terms, row["customer_id"], tariff, month, by_month[month], complete.get(month.isoformat()))


def _month(
    terms: ContractTerms,
    customer_id: str,
    tariff: Tariff,
    month: date,
    found: Sequence[Mapping[str, Any]],
    complete_share: float | None,
) -> MonthOfUse:
    rated = [session for row in found if (session := _rated(terms, tariff, row)) is not None]
    rated.sort(key=lambda session: session.session_id)
    contract, priced = as_json(terms), tariff_json(tariff)
    return MonthOfUse(
        contract_no=terms.contract_no,
        customer_id=customer_id,
        usage_period=month,
        currency=tariff.first.currency,
        totals=rate(terms, tariff, rated, month),
        sessions=tuple(rated),
        root=root_of(rated),
        contract_version=version(contract),
        price_version=version(priced),
        complete_share=complete_share,
        terms=canonical({"contract": contract, "tariff": priced}),
    )


def _rated(terms: ContractTerms, tariff: Tariff, row: Mapping[str, Any]) -> RatedSession | None:
    """The session as it is billed; None where it is not of what the price counts."""
    unit, distance_m = tariff.first.unit, row["distance_m"]
    if (unit == "km" and distance_m is None) or (unit == "wash" and distance_m is not None):
        return None
    quantity = Decimal(distance_m) / _METRES if unit == "km" else Decimal(1)
    day = local_day(instant(row["ended_at_ms"]), terms.country)
    waived = tariff.waived_by(row["anomalies"] or (), day)
    return RatedSession(row["session_id"], row["session_version"], row["ended_at_ms"], quantity, waived)


def _schema() -> pa.Schema:
    return pa.schema(
        [
            *INVOICE_LINE.arrow_schema(INVOICE_LINE.column_names),
            pa.field("why_session_count", pa.int64()),
            pa.field("why_sessions", pa.list_(_SESSION)),
            pa.field("why_terms", pa.string()),
            pa.field("gate_complete_share", pa.float64()),
        ]
    )


def _row(line: Line, code_version: str) -> dict[str, Any]:
    of, is_base = line.of, line.component == "base"
    sessions = () if is_base else of.sessions
    named = [
        dict(zip(("session_id", "version", "ended_at_ms", "quantity", "waived"), s.line(), strict=True))
        for s in sessions
    ]
    return {
        "line_no": line.line_no,
        "contract_no": of.contract_no,
        "customer_id": of.customer_id,
        "period": line.period,
        "usage_period": of.usage_period,
        "component": line.component,
        "quantity": line.quantity,
        "unit": line.unit,
        "amount": line.amount,
        "currency": of.currency,
        "reason": line.reason,
        "session_count": len(sessions),
        "waived_count": sum(session.waived is not None for session in sessions),
        "merkle_root": None if is_base else of.root,
        "contract_version": of.contract_version,
        "price_version": of.price_version,
        "code_version": code_version,
        "why_session_count": len(sessions),
        "why_sessions": named,
        "why_terms": of.terms,
        "gate_complete_share": None if is_base else of.complete_share,
    }
