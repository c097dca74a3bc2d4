"""What is said of a session that comes when later ones have pushed it, or its owner's other ones, out of the memory."""

from __future__ import annotations

import json

from schemas.desk import Insight
from streams.desk.advice_history import MONTH_MS
from streams.desk.register import Known
from tests.unit.streams.desk.building import ANNA, BERND, DAY_MS, NOON_MS, a_run, consents, contracts, custodies
from tests.unit.streams.desk.test_advice import an_adviser, cotton, known

LATE = 30
A_DAY = 6


def said_late(energy_wh: float, of: Known) -> list[Insight]:
    """After two weeks of a laundrette, six cottons a day, one of the fifth day comes last of all."""
    adviser = an_adviser()
    for number in range(80):
        if number != LATE:
            adviser.after_cycle(7, cotton(number / A_DAY), of)
    return adviser.after_cycle(7, cotton(LATE / A_DAY, energy_wh=energy_wh), of)


def test_a_wash_whose_new_owner_has_none_kept_is_passed_over() -> None:
    sold_ms = NOON_MS + round(4.9 * DAY_MS)
    of = Known(
        custody=custodies((BERND, 0, sold_ms), (ANNA, sold_ms, None)),
        contract=contracts((0, None)),
        consent=consents((ANNA, "care", 0, None), (BERND, "care", 0, None)),
    )
    assert said_late(1_500.0, of) == []


def test_nothing_is_said_of_another_wash_under_the_name_of_one_that_is_not_kept() -> None:
    for insight in said_late(1_500.0, known("care")):
        assert json.loads(insight.evidence)["energy_wh"] == 1_500.0


def test_a_late_run_that_is_not_kept_does_not_lend_its_name_to_one_that_is() -> None:
    adviser, month_ms = an_adviser(), NOON_MS // MONTH_MS * MONTH_MS
    of = Known(
        custody=custodies(
            (ANNA, 0, None),
            goal="health",
            weekly_km=40.0,
            runs_per_week=4,
            max_heart_rate_bpm=None,
            insights_per_week=50,
        ),
        consent=consents((ANNA, "coaching", month_ms + 2 * DAY_MS, None)),
    )
    hard, late = a_run(month_ms + DAY_MS, moving_s=2_500.0), a_run(month_ms + 3 * DAY_MS)
    easy_ms = [month_ms + day * DAY_MS for day in (-20, -18, -8, -6, 0)]
    later_ms = [late.started_at_ms + number * DAY_MS // 4 for number in range(1, 41)]
    for run in [*map(a_run, easy_ms), hard, *map(a_run, later_ms)]:
        adviser.after_run(7, run, of)
    assert adviser.after_run(7, late, of) == []
