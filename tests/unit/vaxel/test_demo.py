"""What the demo holds against itself."""

from __future__ import annotations

from typing import Any

import pytest

from vaxel.commands.demo import shortcomings

GOOD: dict[str, Any] = {"is_fed": True, "changes": 900, "is_fed_again": True, "changes_again": 0, "is_true": True}


def test_a_demo_that_fed_the_records_once_and_stands_the_check_lacks_nothing() -> None:
    assert shortcomings(**GOOD) == []


@pytest.mark.parametrize(
    ("found", "told"),
    [
        ({"is_fed": False}, "not all of the usage went into ERP and CRM"),
        ({"changes": 0}, "not all of the usage went into ERP and CRM"),
        ({"is_fed_again": False}, "the second run of the gearbox did not end as a run with nothing to write"),
        ({"changes_again": 7}, "the second run of the gearbox wrote 7 changes"),
        ({"is_true": False}, "verify found something"),
    ],
)
def test_each_thing_that_went_wrong_is_told(found: dict[str, Any], told: str) -> None:
    assert [sentence for sentence in shortcomings(**(GOOD | found)) if told in sentence]
