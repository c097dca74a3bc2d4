"""On the simulator's truth every gap is found, and a clean fleet raises no alarm."""

from __future__ import annotations

import pytest

from benchmarks.completeness_quality import CLEAN, LOSSY, quality

SEED, DEVICES, DAYS = 2, 10, 35


def test_a_clean_fleet_raises_no_alarm() -> None:
    of = quality(SEED, DEVICES, DEVICES, DAYS, CLEAN)
    assert of.verdicts.keys() <= {"complete", "swapped"}
    assert (of.wrong_amounts, of.wrong_numbers) == (0, 0)
    assert of.months > DEVICES


@pytest.mark.parametrize("reset_every", [0, 5])
def test_of_what_is_lost_everything_is_found_and_nothing_else(reset_every: int) -> None:
    of = quality(SEED, DEVICES, DEVICES, DAYS, LOSSY, reset_every)
    assert (of.precision, of.recall) == (1.0, 1.0)
    assert of.found > DEVICES
    assert (of.resets_found, of.resets_false) == (of.resets, 0)
    assert of.resets > 0 or not reset_every
    assert "unexplained" not in of.verdicts
