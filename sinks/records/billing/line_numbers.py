"""Numbers of invoices and lines: each follows from what it is for, so the same is never billed twice. Pure."""

from __future__ import annotations

import hashlib
import re
from datetime import date
from typing import Literal

from sinks.records.billing.months import name_of, parse

Component = Literal["usage", "base", "minimum", "credit"]
COMPONENTS: tuple[Component, ...] = ("usage", "base", "minimum")
"""What a month of use is made of; a credit stands outside."""

_PERIOD = re.compile(r"/(\d{4}-\d{2})/(?:usage|base|minimum|credit/[0-9a-f]{12})$")
_USE = re.compile(r"^(.+)/(\d{4}-\d{2})/\d{4}-\d{2}/(usage|base|minimum)$")


def line_no(contract_no: str, usage_period: date, period: date, component: Component) -> str:
    """Number of the line that bills a component of a month of use in a period."""
    return f"{contract_no}/{name_of(usage_period)}/{name_of(period)}/{component}"


def credit_no(contract_no: str, usage_period: date, period: date, credited: str) -> str:
    """Number of the line that takes another one back in a period: one of each in a period."""
    return (
        f"{line_no(contract_no, usage_period, period, 'credit')}/{hashlib.sha256(credited.encode()).hexdigest()[:12]}"
    )


def period_of(number: str) -> date | None:
    """The period whose invoice a line is on; None where the number is not one of ours."""
    found = _PERIOD.search(number)
    return None if found is None else parse(found[1])


def use_of(number: str) -> tuple[str, date] | None:
    """Contract and month of use that a line bills; None where the number is of a credit, or not one of ours."""
    found = part_of(number)
    return None if found is None else found[:2]


def part_of(number: str) -> tuple[str, date, str] | None:
    """Contract, month of use and component that a line bills a part of; None as of `use_of`."""
    found = _USE.search(number)
    return None if found is None else (found[1], parse(found[2]), found[3])


def invoice_no(contract_no: str, period: date) -> str:
    return f"in-{contract_no}-{period:%Y%m}"
