"""Gathers the evidence of an invoice: lines from billing, sessions and terms from the ledger. Only reads."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import date
from typing import Any

from schemas.errors import UsageError
from schemas.record_billing import INVOICE_LINE
from sinks.records.billing.evidence_file import document
from sinks.records.billing.evidence_terms import session_from
from sinks.records.billing.invoices import invoices
from sinks.records.billing.months import name_of, parse
from sinks.records.billing.rating import root_of
from sinks.records.billing.terms import version
from sinks.records.database import Connection, session
from sinks.records.gear.whys import WHY
from sinks.records.values import key_text

_INVOICE_NO = re.compile(r"^in-(.+)-(\d{4})(\d{2})$")


def named(what: str, period: str | None) -> tuple[str, date]:
    """Contract and period that an invoice's number, or a contract's number and a month, speak of.

    Raises:
        UsageError: They speak of none.
    """
    if period is not None:
        return what, parse(period)
    found = _INVOICE_NO.match(what)
    if found is None:
        raise UsageError(f"{what!r} is no invoice number: give one (in-CONTRACT-YYYYMM), or a contract and a month.")
    return found[1], parse(f"{found[2]}-{found[3]}")


def gather(billing_dsn: str, ledger_dsn: str, contract_no: str, period: date) -> dict[str, Any]:
    """The evidence of the contract's invoice in that period, with its digest and without a signature.

    Raises:
        UsageError: There is no such invoice, or the ledger does not hold what a line was made of.
    """
    found = invoices(billing_dsn, period, contract_no)
    if not found:
        raise UsageError(f"Contract {contract_no} has no invoice in {name_of(period)}: see `vaxel billing invoices`.")
    with session(billing_dsn) as connection:
        rows = connection.execute(
            "SELECT * FROM billing.invoice_line WHERE contract_no = %s AND period <= %s ORDER BY line_no",
            [contract_no, period],
        ).fetchall()
    lines = [row for row in rows if row["period"] == period]
    sessions: dict[str, list[list[Any]]] = {}
    contracts: dict[str, Mapping[str, Any]] = {}
    tariffs: dict[str, Mapping[str, Any]] = {}
    with session(ledger_dsn) as ledger:
        for line in (line for line in lines if line["component"] != "credit"):
            for why in _whys(ledger, line["line_no"]):
                own = sorted((session_from(row) for row in why.get("sessions") or ()), key=lambda s: s.session_id)
                terms = json.loads(why["terms"])
                _keep(sessions, line["merkle_root"], root_of(own), [one.line() for one in own])
                for held, name in ((contracts, "contract"), (tariffs, "tariff")):
                    if name in terms:
                        _keep(held, line[_VERSIONS[name]], version(terms[name]), terms[name])
            _refuse_missing(line, sessions, contracts, tariffs)
    earlier = [row for row in rows if row["period"] < period]
    return document(lines, earlier, asdict(found[0]), sessions, contracts, tariffs)


_VERSIONS = {"contract": "contract_version", "tariff": "price_version"}


def _keep(held: dict[str, Any], wanted: str | None, found: str, what: Any) -> None:
    if wanted == found:
        held[found] = what


def _whys(ledger: Connection, line_no: str) -> Sequence[dict[str, Any]]:
    """What the model told of the line whenever something of it was written, newest first."""
    rows = ledger.execute(
        f"""SELECT DISTINCT ON (audit.change_set_id) {WHY} AS why
           FROM gearbox.audit JOIN gearbox.change USING (change_set_id, change_no)
           WHERE audit.event = 'written' AND audit.target_table = %s AND audit.key = %s
           ORDER BY audit.change_set_id DESC, audit.change_no""".encode(),
        [INVOICE_LINE.full_name, key_text(INVOICE_LINE.key, (line_no,))],
    )
    return [why for row in rows if "terms" in (why := json.loads(row["why"]))]


def _refuse_missing(line: Mapping[str, Any], *held: Mapping[str, Any]) -> None:
    """Stops where something that the line goes by was not found."""
    for known, name in zip(held, ("merkle_root", "contract_version", "price_version"), strict=True):
        if line[name] is not None and line[name] not in known:
            raise UsageError(
                f"The ledger does not hold what line {line['line_no']} was made of ({name}): "
                "the gearbox has not written it."
            )
