"""What CRM holds beside customers: their accounts, campaigns, and what people noted of them. Pure.

The same customers give the same rows, and more customers the same ones and more.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from random import Random
from typing import Literal

from sinks.records.people import person
from sinks.records.seeded import Held
from sinks.records.values import Value

_SHARED = 0.35
"""Share of customers who are of the household of another one with a number near theirs."""
_NEAR = 10
_COMPANIES = 0.05
_COMPANY_SUFFIX = {"SE": "AB", "DE": "GmbH", "GB": "Ltd", "FI": "Oy", "US": "Inc.", "JP": "KK"}

CAMPAIGNS: tuple[tuple[str, str, date, date], ...] = (
    ("ca-2025-autumn", "Back to running: half price on the second pair", date(2025, 9, 15), date(2025, 11, 1)),
    ("ca-2026-spring", "Spring care for washing machines", date(2026, 3, 1), date(2026, 4, 16)),
    ("ca-2026-summer", "Bring your old pair: new soles for the summer", date(2026, 5, 18), date(2026, 7, 1)),
)

_NOTED = 0.2
"""Share of customers with whom somebody spoke."""
_NOTES = {
    ("call", "washer"): ("Asked how to level the machine.", "Wanted to know which programme is for wool."),
    ("mail", "washer"): ("Sent the invoice again.", "Sent the manual as a file."),
    ("visit", "washer"): ("Machine put up and connected; water hose was too short, changed.",),
    ("call", "shoe"): ("Pod would not pair; works after an update of the phone.", "Asked whether half sizes are made."),
    ("mail", "shoe"): ("Sent how to take the pod out before washing.", "Asked for a receipt for the health insurance."),
    ("visit", "shoe"): ("Came by at the running day and tried another size.",),
}


@dataclass(frozen=True, slots=True)
class Account:
    """A household or a company that customers belong to."""

    account_id: str
    name: str
    kind: Literal["household", "company"]
    country: str


def accounts(homes: Mapping[str, str]) -> dict[str, Account]:
    """The account of each customer.

    Args:
        homes: Where each customer lives: ISO 3166 code.
    """
    return {customer_id: _account(_head(customer_id, homes), country) for customer_id, country in homes.items()}


def _head(customer_id: str, homes: Mapping[str, str]) -> str:
    """The customer after whom the account of this one is called."""
    number = re.search(r"\d+$", customer_id)
    if number is None or Random(f"{customer_id}/household").random() >= _SHARED:
        return customer_id
    own = int(number[0])
    near = (f"{customer_id[: number.start()]}{other:0{len(number[0])}d}" for other in range(own - own % _NEAR, own))
    return next((other for other in near if homes.get(other) == homes[customer_id]), customer_id)


def _account(head: str, country: str) -> Account:
    last = person(head, country).name.rpartition(" ")[2]
    account_id = f"ac-{head.removeprefix('cu-')}"
    if Random(f"{head}/company").random() < _COMPANIES:
        return Account(account_id, f"{last} {_COMPANY_SUFFIX.get(country, 'Ltd')}", "company", country)
    return Account(account_id, f"Household {last}", "household", country)


def activities(held: Iterable[Held]) -> list[tuple[Value, ...]]:
    """What people noted of customers in the first days with the first unit they had, by customer."""
    first: dict[str, Held] = {}
    for own in sorted(held, key=lambda own: (own.from_at, own.device_id)):
        first.setdefault(own.customer_id, own)
    return [row for _, own in sorted(first.items()) for row in _noted(own)]


def _noted(own: Held) -> list[tuple[Value, ...]]:
    rng = Random(f"{own.customer_id}/activities")
    if rng.random() >= _NOTED:
        return []
    at: datetime = own.from_at
    rows: list[tuple[Value, ...]] = []
    for number in range(1, rng.choice((1, 1, 2)) + 1):
        at += timedelta(hours=rng.randint(2, 60), minutes=rng.randrange(60))
        kind = rng.choices(("call", "mail", "visit"), (5, 4, 1))[0]
        note = rng.choice(_NOTES[kind, own.product])
        rows.append((f"av-{own.customer_id.removeprefix('cu-')}-{number}", own.customer_id, kind, at, note))
    return rows
