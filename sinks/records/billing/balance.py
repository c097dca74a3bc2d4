"""Whether all invoices together bill what use costs, to the cent. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from types import MappingProxyType

import pyarrow as pa

from schemas.record_billing import INVOICE_LINE
from sinks.records.billing.months import name_of
from sinks.records.billing.shape import months_of_use, periods, price_list

Use = tuple[str, date]
"""Number of a contract, and the first day of a month of use."""
Part = tuple[str, date, str]
"""These two and a component."""


@dataclass(frozen=True)
class Balance:
    """What was found.

    Attributes:
        months: Months of use under a contract that were held against what they cost.
        differences: A sentence for each of their components whose lines do not come to that.
    """

    months: int
    differences: list[str]


def balance(
    produced: pa.Table,
    records: Mapping[str, pa.Table],
    left_aside: Collection[Use] = (),
    known: Mapping[Part, Sequence[str]] = MappingProxyType({}),
) -> Balance:
    """Hold the lines of each contract and month of use against what the use costs.

    Args:
        produced: Contracts and sessions in the columns of the flow's model, wherever they are from: the lake, or the
            truth that a simulator tells.
        records: As `shape` takes them. Lines of open and closed periods count, credits do not.
        left_aside: These are not looked at, such as those whose lines wait for a change.
        known: What is known of why a part may not come to what it costs, to be told with the difference.
    """
    billed: defaultdict[Part, Decimal] = defaultdict(Decimal)
    for row in records[INVOICE_LINE.full_name].to_pylist():
        if row["component"] != "credit":
            billed[row["contract_no"], row["usage_period"], row["component"]] += row["amount"]
    owed = {
        (month.contract_no, month.usage_period, str(component)): total.amount
        for month in months_of_use(produced, price_list(records), periods(records))
        for component, total in month.totals.items()
    }
    held = sorted(key for key in billed.keys() | owed.keys() if key[:2] not in left_aside)
    return Balance(
        months=len({key[:2] for key in held}),
        differences=[
            "; ".join(
                (
                    f"contract {key[0]}, {key[2]} of {name_of(key[1])}: {billed.get(key, Decimal(0))} is billed, "
                    f"{owed.get(key, Decimal(0))} is owed",
                    *known.get(key, ()),
                )
            )
            for key in held
            if billed.get(key, Decimal(0)) != owed.get(key, Decimal(0))
        ],
    )
