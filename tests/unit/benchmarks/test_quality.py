"""How right facts are is told of everything that was to be found, and of everything that was said."""

from __future__ import annotations

from benchmarks.cycle_detection import detection
from benchmarks.quality import HEADINGS, Line, Size, markdown, table


def test_precision_is_of_what_was_told_and_recall_of_what_happened() -> None:
    line = Line("an alert", "bearing", happened=8, told=5, right=4, found=6)
    assert (line.precision, line.recall) == (0.8, 0.75)
    assert table([line]) == [("an alert", "bearing", "8", "5", "0.800", "0.750")]
    nothing = Line("an alert", "bearing", 0, 0, 0, 0)
    assert table([nothing])[0][-2:] == ("-", "-")
    assert f"| {' | '.join(HEADINGS)} |" in markdown([line], Size())


def test_cycles_are_found_behind_a_plug_and_a_partner_counts_once() -> None:
    seen = detection(seed=5, machines=2, days=20, lost=0.0)
    assert seen.ran > 5
    assert seen.right <= min(seen.ran, seen.found)
    assert seen.right >= 0.9 * seen.ran
    assert seen.named_right <= seen.recognised <= seen.right
