"""Holds invoice lines against what use costs by the truth, to the cent. Needs `load_truth` first."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Set
from typing import NamedTuple

import duckdb
import pyarrow as pa

from schemas.record_billing import PERIOD
from sinks.records.billing.balance import Balance, Part, Use, balance
from sinks.records.billing.line_numbers import invoice_no, part_of, period_of, use_of
from sinks.records.gear.last_write import Place
from vaxel.record_truth import USE

AMOUNT = "amount"


class Edit(NamedTuple):
    """A field that somebody else set: what the gearbox wrote, and what is held (JSON); None: the row is gone."""

    written: str
    held: str | None


def is_billed(records: Mapping[str, pa.Table]) -> bool:
    """Whether billing has begun: before its first period there is nothing to hold."""
    return len(records[PERIOD.full_name]) > 0


def check_invoices(
    lake: duckdb.DuckDBPyConnection,
    records: Mapping[str, pa.Table],
    waiting: Iterable[Place],
    edited: Mapping[Place, Edit],
) -> Balance:
    """Months of use under contracts, and those whose lines do not come to what the truth gives.

    What somebody set himself on an invoice is held against the truth too: its total would not be what use costs. Such a
    difference is told with the line that was changed, what was planned and what it holds.

    Args:
        records: Billing's tables (`sinks.records.billing.shape.RECORDS`) as it holds them.
        waiting: Fields that the gearbox would change, and nobody else set. Months whose amounts are among them are left
            aside, unless somebody else set another amount of the month.
        edited: Fields that somebody else set, each with what the gearbox wrote and what is held.

    Raises:
        UsageError: A month has no price, or billing knows no days of a contract's country.
    """
    left_aside = _uses(waiting) - _uses(edited)
    return balance(lake.sql(USE).to_arrow_table(), records, left_aside, _changed_lines(edited))


def _changed_lines(edited: Mapping[Place, Edit]) -> dict[Part, list[str]]:
    """Sentences about lines whose amount somebody changed, by what they bill."""
    found: defaultdict[Part, list[str]] = defaultdict(list)
    for (key, field), edit in sorted(edited.items()):
        number = json.loads(key)["line_no"]
        part, period = part_of(number), period_of(number)
        if field == AMOUNT and part is not None and period is not None:
            since = "has deleted it" if edit.held is None else f"set {_told(edit.held)}"
            planned = f"{_told(edit.written)} was planned and written"
            found[part].append(
                f"line {number} of invoice {invoice_no(part[0], period)}: {planned}, somebody {since} since"
            )
    return found


def _told(amount: str) -> str:
    return str(json.loads(amount))


def _uses(places: Iterable[Place]) -> Set[Use]:
    found = (use_of(json.loads(key)["line_no"]) for key, field in places if field == AMOUNT)
    return {use for use in found if use is not None}
