"""What a line's number tells."""

from __future__ import annotations

import pytest

from sinks.records.billing.line_numbers import COMPONENTS, Component, credit_no, line_no, period_of, use_of
from tests.unit.records.billing.billed import JUNE, MAY


@pytest.mark.parametrize("component", COMPONENTS)
@pytest.mark.parametrize("contract_no", ["ct-1", "a/2026-04/b"])
def test_a_number_tells_contract_month_of_use_and_period(contract_no: str, component: Component) -> None:
    number = line_no(contract_no, MAY, JUNE, component)
    assert use_of(number) == (contract_no, MAY)
    assert period_of(number) == JUNE


def test_a_credit_bills_no_use_and_a_foreign_number_tells_nothing() -> None:
    assert use_of(credit_no("ct-1", MAY, JUNE, "ct-1/2026-05/2026-05/usage")) is None
    assert use_of("goodwill 7") is None
