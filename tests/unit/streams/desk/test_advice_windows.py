"""No window is told of that was not seen, nor a plan that nobody has made."""

from __future__ import annotations

import json
import re
from datetime import date

import pytest

from streams.desk.advice_body import shoe_worn_out
from streams.desk.advice_runner import heart_rate_advice, next_session
from streams.desk.advice_texts import Reader, title_and_text
from streams.desk.advice_washer import descale
from streams.desk.alerts import AlertBook
from tests.unit.streams.desk.advice_cases import MATERIAL, a_custody, cycles, runs
from tests.unit.streams.desk.test_alerts import a_cycle, stores, told

READERS = [Reader("en", "GB", "Europe/London"), Reader("de", "DE", "Europe/Berlin"), Reader("sv", "SE", "Europe/Paris")]


@pytest.mark.parametrize(("count", "days"), [(6, 11), (16, 28)])
def test_heart_rate_is_told_of_the_days_known(count: int, days: int) -> None:
    found = heart_rate_advice(runs(count, heart_s=2_880.0, hard_s=1_200.0))
    assert found is not None
    assert found.evidence["days"] == days
    assert f"last {days} days" in found.reason
    assert all(str(days) in title_and_text(found, reader)[1] for reader in READERS)


def test_scale_is_told_of_the_hot_cycles_known() -> None:
    found = descale(cycles(3, heating_k_per_min=1.25), MATERIAL)
    assert found is not None
    assert "last 3 hot cycles" in found.reason


def test_the_rate_of_a_shoe_is_that_of_the_days_known_a_week_at_least() -> None:
    assert shoe_worn_out(runs(3), 695.0, a_custody()) is None
    found = shoe_worn_out(runs(6), 690.0, a_custody())
    assert found is not None
    assert found.evidence["rate_days"] == 10
    assert found.evidence["km_per_week"] == round(6 * 8 / 10 * 7, 2)
    assert "of the last 10 days" in found.reason
    worn = shoe_worn_out(runs(1), 700.0, a_custody())
    assert worn is not None
    assert "rate" not in worn.reason + repr(worn.evidence)


@pytest.mark.parametrize(
    ("fields", "kind", "count"), [({"drain": 2.0}, "drain_pump", 3), ({"drag": 2.0}, "bearing", 6)]
)
def test_wear_is_told_of_the_cycles_seen(fields: dict[str, float], kind: str, count: int) -> None:
    [alert] = told(AlertBook(stores()), (a_cycle(number, **fields) for number in range(count)))
    assert alert.kind == kind
    assert f"in the last {count} cycles" in alert.reason
    assert json.loads(alert.evidence)["cycles"] == count


@pytest.mark.parametrize(("weekly_km", "says"), [(75.0, ["suggest", "schlagen", "föreslår"]), (20.0, ["plan"] * 3)])
def test_a_week_is_the_plans_only_if_the_plan_asks_for_it(weekly_km: float, says: list[str]) -> None:
    for custody in (a_custody(weekly_km=weekly_km), a_custody(weekly_km=weekly_km, runs_per_week=1)):
        found = next_session(runs(6), custody)
        assert found is not None
        texts = [title_and_text(found, reader)[1] for reader in READERS]
        assert [word in text.lower() for word, text in zip(says, texts, strict=True)] == [True] * 3


def test_nothing_is_said_of_what_is_run_of_a_week_to_come_and_the_week_is_named_by_its_monday() -> None:
    found = next_session(runs(), a_custody(runs_per_week=1))
    assert found is not None
    assert found.evidence["earliest_day"] == date(2026, 6, 8).isoformat()
    for reader, monday in zip(
        READERS, ("from Monday, 8 June", "ab Montag, 8. Juni", "från måndag 8 juni"), strict=True
    ):
        text = re.sub(r"\s", " ", title_and_text(found, reader)[1])
        assert monday in text
        assert "diese Woche" not in text
        assert not re.search(r"\b0 km", text)
