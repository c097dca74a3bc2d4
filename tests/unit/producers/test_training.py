"""What a training week asks of runners."""

from __future__ import annotations

from random import Random

import pytest

from producers.training import AMBITIOUS, HARD_PACE, LEVELS, NOVICE, REGULAR, Level, Stretch, workout
from schemas.uploads import MAX_SPAN_MS


def planned(level: Level, kind: str, seed: int = 1, share: float = 1.0) -> list[Stretch]:
    return workout(level, kind, share, Random(seed))  # type: ignore[arg-type]


def seconds(stretches: list[Stretch]) -> float:
    return sum(stretch.seconds for stretch in stretches)


def test_the_better_the_runner_the_more_runs_and_the_longer() -> None:
    weeks = [level.runs_a_week * level.typical_run_s for level in (NOVICE, REGULAR, AMBITIOUS)]
    assert weeks == sorted(weeks)
    assert weeks[0] < 0.6 * weeks[1] < 0.4 * weeks[2]
    assert NOVICE.runs_a_week < REGULAR.runs_a_week < AMBITIOUS.runs_a_week


@pytest.mark.parametrize("level", LEVELS, ids=lambda level: level.name)
def test_every_week_has_rest_easy_and_hard_days_and_one_long_run(level: Level) -> None:
    assert {"rest", "easy", "intervals", "long"} <= set(level.week)
    assert level.week.count("long") == 1
    mean_s = {kind: sum(seconds(planned(level, kind, seed)) for seed in range(50)) / 50 for kind in level.minutes}
    assert max(mean_s, key=lambda kind: mean_s[kind]) == "long"


@pytest.mark.parametrize("level", LEVELS, ids=lambda level: level.name)
def test_intervals_are_hard_stretches_with_a_jog_after_each_between_warm_up_and_cool_down(level: Level) -> None:
    moving = [stretch.pace for stretch in planned(level, "intervals", seed=4) if stretch.pace > 0]
    hard = [index for index, pace in enumerate(moving) if pace > HARD_PACE]
    assert len(hard) >= 3
    assert moving[0] < 1
    assert moving[-1] < 1
    for index in hard:
        assert moving[index + 1] < moving[0]


def test_tempo_is_one_hard_stretch() -> None:
    assert sum(stretch.pace > HARD_PACE for stretch in planned(REGULAR, "tempo")) == 1


def test_a_share_of_a_run_is_as_much_shorter() -> None:
    whole = sum(seconds(planned(REGULAR, "easy", seed)) for seed in range(60))
    half = sum(seconds(planned(REGULAR, "easy", seed, share=0.5)) for seed in range(60))
    assert half == pytest.approx(whole / 2, rel=0.1)


def test_lights_stop_runners_now_and_then_a_few_for_longer_than_a_reading_may_speak_for() -> None:
    runs = [planned(REGULAR, "long", seed) for seed in range(400)]
    waits = [stretch.seconds for run in runs for stretch in run if stretch.pace == 0]
    long_waits = sum(wait * 1000 > MAX_SPAN_MS for wait in waits)
    assert 1 < len(waits) / len(runs) < 5
    assert 0.02 < long_waits / len(waits) < 0.2
    assert any(all(stretch.pace > 0 for stretch in run) for run in runs)
    for run in runs:
        assert run[0].pace > 0
        assert run[-1].pace > 0
