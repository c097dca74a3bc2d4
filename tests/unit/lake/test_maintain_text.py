"""What `vaxel lake maintain` says: short lines, right numbers of things, what it saved, what waits and why."""

from __future__ import annotations

from schemas.forms import columns
from schemas.lake import RUN_VERSIONS
from schemas.retention import DAY_MS, HOUR_MS
from sinks.lake.care_plan import STEPS, Change, Done, Plan
from sinks.lake.extent import Extent, Holding
from sinks.lake.waits import Waits
from vaxel.commands.lake_maintain_text import WIDTH, outcome, step_lines
from vaxel.commands.lake_status import counted, span_told

NOON_MS = 1_767_268_800_000
"""2026-01-01 12:00 UTC."""


def held(files: int, old_files: int = 0, scheduled: int = 0) -> Holding:
    extent = Extent(10, files, files * 1_000, 1_000, 1_000, 0, 0, old_files, old_files * 1_000)
    return Holding({"uploads": extent}, [(1, NOON_MS)], scheduled, None, 1, None)


def test_a_step_is_a_line_and_one_more_for_each_table() -> None:
    changes = (Change("readings_washer", "rows moved to files", 1_234), Change("uploads", "rows moved to files", 1))
    assert step_lines(Done(1, "flush", changes)) == [
        "1 flush: rows that waited in the catalogue, into files",
        "    readings_washer  1,234 rows",
        "    uploads              1 row",
    ]
    assert step_lines(Done(2, "retention", (Change("run_versions", "health: rows gone", 1),))) == [
        "2 retention: what may no longer stay, out of the tables",
        "    run_versions  1 row, health: rows gone",
    ]
    assert step_lines(Done(5, "merge", (Change("uploads", "files fewer", 1),)))[1] == "    uploads  1 file fewer"


def test_a_line_that_would_be_long_goes_on_below() -> None:
    names = [column.lake_name for column in columns(RUN_VERSIONS.contract)]
    change = Change("run_versions", f"health: rows without {', '.join(names)}", 60)
    _, first, *rest = step_lines(Done(2, "retention", (change,)))
    assert first.startswith("    run_versions  60 rows, health: rows without ")
    assert rest
    for line in [first, *rest]:
        assert len(line) <= WIDTH
    assert " ".join(line.strip() for line in [first, *rest]).endswith(", ".join(names))


def test_a_step_that_had_nothing_to_do_says_so_and_one_that_was_kept_from_it_says_why() -> None:
    assert step_lines(Done(3, "roll-up", ())) == ["3 roll-up: nothing to do"]
    left = Done(4, "rewrite", (), left=("uploads: sinks committed in between, 8 times",))
    assert step_lines(left) == [
        "4 rewrite: not done",
        "    left to the next run: uploads: sinks committed in between, 8 times",
    ]


def test_steps_on_the_lake_as_a_whole_are_one_line() -> None:
    assert step_lines(Done(6, "expire", (Change("", "snapshots", 12),))) == [
        "6 expire: 12 snapshots further back than time travel reaches"
    ]
    assert step_lines(Done(7, "clean-up", (Change("", "files no snapshot needs", 1),), removed_bytes=1_500)) == [
        "7 clean-up: 1 file that no snapshot needs any more, 1.5 kB"
    ]


def test_every_step_has_its_words() -> None:
    for number, name in enumerate(STEPS, start=1):
        for line in step_lines(Done(number, name, (Change("readings_washer", "what", 2),))):
            assert len(line) < 100


def test_the_end_says_what_was_saved_what_waits_until_when_and_by_which_rule() -> None:
    steps = [Done(8, "orphans", (Change("", "files no snapshot ever needed", 2),), removed_bytes=700)]
    told = outcome(steps, held(3), held(1, old_files=3, scheduled=1), Plan(), Waits(NOON_MS, NOON_MS + DAY_MS))
    assert told == [
        "readers open: 3 files, 3.0 kB -> 1 file, 1.0 kB",
        "    uploads: 3 files, 3.0 kB -> 1 file, 1.0 kB",
        "time travel needs besides: 0 files, 0 B -> 3 files, 3.0 kB",
        "removed from storage: 2 files, 700 B",
        "not removed yet: 3 files, 3.0 kB that time travel needs, 1 file in its grace period",
        "    time travel reaches 7d back (--snapshots-for); after it a file stays 1d more (--grace)",
        "    next: a run lets go of snapshots from 2026-01-01 12:00:00 UTC on, files from 2026-01-02 12:00:00 UTC on",
    ]


def test_where_nothing_waits_nothing_is_said_of_it() -> None:
    assert outcome([], held(1), held(1), Plan(), Waits(None, None)) == [
        "readers open: 1 file, 1.0 kB, as before",
        "time travel needs besides: 0 files, 0 B, as before",
        "removed from storage: nothing",
    ]


def test_numbers_of_things_and_durations() -> None:
    assert [counted(count, "file") for count in (0, 1, 2_000)] == ["0 files", "1 file", "2,000 files"]
    assert [span_told(span_ms) for span_ms in (HOUR_MS, 36 * HOUR_MS, 7 * DAY_MS)] == ["1h", "36h", "7d"]
