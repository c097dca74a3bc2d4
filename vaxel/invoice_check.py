"""Holds invoice lines against what use costs by the truth, to the cent. Needs `load_truth` first."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Set

import duckdb
import pyarrow as pa

from schemas.record_billing import PERIOD
from sinks.records.billing.balance import Balance, Use, balance
from sinks.records.billing.line_numbers import use_of
from sinks.records.gear.last_write import Place
from vaxel.record_truth import USE

AMOUNT = "amount"


def is_billed(records: Mapping[str, pa.Table]) -> bool:
    """Whether billing has begun: before its first period there is nothing to hold."""
    return len(records[PERIOD.full_name]) > 0


def check_invoices(
    lake: duckdb.DuckDBPyConnection,
    records: Mapping[str, pa.Table],
    waiting: Iterable[Place],
    edited: Iterable[Place],
) -> Balance:
    """Months of use under contracts, and those whose lines do not come to what the truth gives.

    What somebody set himself on an invoice is held against the truth too: its total would not be what use costs.

    Args:
        records: Billing's tables (`sinks.records.billing.shape.RECORDS`) as it holds them.
        waiting: Fields that the gearbox would change, and nobody else set. Months whose amounts are among them are left
            aside, unless somebody else set another amount of the month.
        edited: Fields that somebody else set.

    Raises:
        UsageError: A month has no price, or billing knows no days of a contract's country.
    """
    return balance(lake.sql(USE).to_arrow_table(), records, _uses(waiting) - _uses(edited))


def _uses(places: Iterable[Place]) -> Set[Use]:
    found = (use_of(json.loads(key)["line_no"]) for key, field in places if field == AMOUNT)
    return {use for use in found if use is not None}
