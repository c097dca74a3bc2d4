"""What advice remembers of sessions, however their versions come."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from schemas.facts import Run
from streams.desk.advice import ADVICE_STORES, Adviser
from streams.desk.advice_history import (
    CYCLE,
    EARLIEST_OF_MONTH,
    MONTH_MS,
    MONTHS,
    NEWEST,
    PLACES,
    RUN,
    cycle_entry,
    keep,
    newest_ms,
    past_cycles,
    past_runs,
    run_entry,
)
from streams.desk.register import NOTHING
from streams.store import Records, Store, from_frame, to_frame
from tests.unit.examples import examples
from tests.unit.streams.desk.building import DAY_MS, NOON_MS, a_cycle, a_run

SEEDS = st.integers(0, 2**32)


def kept_of(runs: Sequence[Run]) -> Records:
    entries = np.zeros(PLACES, RUN)
    for run in runs:
        keep(entries, run_entry(run))
    return entries


def versions(rng: Random, count: int) -> list[Run]:
    """Up to four versions of each of so many runs over two years, ever longer; some are withdrawn."""
    made = []
    for start_ms in rng.sample(range(NOON_MS, NOON_MS + 700 * DAY_MS, 3_600_000), count):
        last = rng.randint(1, 4)
        for version in range(1, last + 1):
            status = "withdrawn" if version == 4 else rng.choice(["closed", "corrected"])
            made.append(a_run(start_ms, version=version, status=status, distance_m=1_000.0 * version))
    return made


@given(seed=SEEDS, count=st.integers(1, 150))
@examples(20)
def test_what_is_remembered_in_the_end_does_not_depend_on_the_order_of_arrival(seed: int, count: int) -> None:
    rng = Random(seed)
    told = versions(rng, count)
    newest = {run.session_id: run for run in sorted(told, key=lambda run: run.version)}
    rng.shuffle(told)

    entries = kept_of([*told, *rng.sample(told, len(told) // 3)])

    remembered = past_runs(entries, 0, NOON_MS * 2)
    assert [(run.started_ms, run.distance_km) for run in remembered] == expected(list(newest.values()))


def expected(newest: Sequence[Run]) -> list[tuple[int, float]]:
    """Start and kilometres of the newest runs, and of the first of each month of a year, by a plain loop."""
    runs = sorted(newest, key=lambda run: run.started_at_ms)
    last_month = runs[-1].started_at_ms // MONTH_MS
    chosen, of_month = [], dict[int, int]()
    for number, run in enumerate(runs):
        month = run.started_at_ms // MONTH_MS
        of_month[month] = of_month.get(month, 0) + 1
        is_early = of_month[month] <= EARLIEST_OF_MONTH and month > last_month - MONTHS
        if (is_early or number >= len(runs) - NEWEST) and run.status != "withdrawn":
            chosen.append((run.started_at_ms, run.distance_m / 1000))
    return chosen


@given(seed=SEEDS, count=st.integers(1, 150))
@examples(8)
def test_what_a_shoe_has_run_in_all_does_not_depend_on_the_order_of_its_runs(seed: int, count: int) -> None:
    rng = Random(seed)
    starts = rng.sample(range(NOON_MS, NOON_MS + 700 * DAY_MS, 3_600_000), count)
    runs = [a_run(start_ms, distance_m=float(rng.randint(1_000, 30_000))) for start_ms in starts]
    adviser = Adviser({name: Store(dtype) for name, dtype in ADVICE_STORES.items()})
    for run in runs:
        adviser.after_run(7, run, NOTHING)
    assert round(adviser.total_km(7) * 1000) == sum(run.distance_m for run in runs)


def test_a_counter_of_the_first_board_tells_what_was_run_before_the_desk_listened() -> None:
    adviser = Adviser({name: Store(dtype) for name, dtype in ADVICE_STORES.items()})
    adviser.after_counter(7, 500_000.0, NOON_MS)
    adviser.after_counter(7, 400_000.0, NOON_MS - DAY_MS)
    for day in (-1, 1, 2):
        adviser.after_run(7, a_run(NOON_MS + day * DAY_MS), NOTHING)
    assert adviser.total_km(7) == 520.0


def test_a_correction_of_a_run_that_is_kept_no_more_adds_its_difference() -> None:
    adviser = Adviser({name: Store(dtype) for name, dtype in ADVICE_STORES.items()})
    for day in range(60):
        adviser.after_run(7, a_run(NOON_MS + day * DAY_MS // 3), NOTHING)
    late = a_run(NOON_MS + 5 * DAY_MS // 3, version=9, distance_m=10_500.0, changed_amount=500.0)
    adviser.after_run(7, late, NOTHING)
    assert adviser.total_km(7) == 600.5


def test_a_lower_version_is_old_news() -> None:
    entries = kept_of([a_run(version=3, distance_m=5_000.0)])
    assert not keep(entries, run_entry(a_run(version=2, distance_m=4_000.0))).is_news
    assert [run.distance_km for run in past_runs(entries, 0, NOON_MS)] == [5.0]


def test_versions_count_by_when_they_became_known_and_then_by_number_as_in_the_lake() -> None:
    stream = a_run(version=2, known_at_ms=NOON_MS + 100, distance_m=5_000.0)
    backfilled = a_run(version=3, known_at_ms=NOON_MS + 100, distance_m=6_000.0)
    after_it = [a_run(version=version, known_at_ms=NOON_MS + 200, distance_m=7_000.0) for version in (2, 3)]
    for last in after_it:
        for order in ([stream, backfilled, last], [last, backfilled, stream], [backfilled, last, stream]):
            assert [run.distance_km for run in past_runs(kept_of(order), 0, NOON_MS)] == [7.0]
    assert not keep(kept_of([after_it[0]]), run_entry(backfilled)).is_news


def test_a_session_that_is_open_or_withdrawn_does_not_count() -> None:
    entries = kept_of([a_run(), a_run(NOON_MS + DAY_MS, status="open"), a_run(NOON_MS + 1, status="withdrawn")])
    assert newest_ms(entries) == NOON_MS
    assert [run.started_ms for run in past_runs(entries, 0, NOON_MS * 2)] == [NOON_MS]


def test_figures_that_nobody_knows_stay_unknown() -> None:
    entries = np.zeros(PLACES, CYCLE)
    keep(entries, cycle_entry(a_cycle(water_l=None, drain_s=None, programme=None, anomalies=["power_cut"])))
    (cycle,) = past_cycles(entries, 0, NOON_MS)
    assert (cycle.water_l, cycle.drain_s, cycle.programme, cycle.is_intact) == (None, None, None, False)


def test_the_state_survives_being_saved_and_read_again() -> None:
    stores = {name: Store(dtype) for name, dtype in ADVICE_STORES.items()}
    adviser = Adviser(stores)
    for day in range(70):
        adviser.after_run(7, a_run(NOON_MS + day * DAY_MS), NOTHING)
    saved = stores["advice_runs"].delta(1)
    assert saved is not None
    again = {name: Store(dtype) for name, dtype in ADVICE_STORES.items()}
    again["advice_runs"].restore([from_frame(to_frame(saved), ADVICE_STORES["advice_runs"])])
    assert Adviser(again).total_km(7) == adviser.total_km(7) == 700.0
