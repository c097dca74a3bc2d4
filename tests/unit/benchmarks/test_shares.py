"""Where the time of a step goes is told whole: the parts add up, and every part that is named is found."""

from __future__ import annotations

import pytest

from benchmarks.engine.shares import DESK_PARTS, WORKER_PARTS, lines, shares


def test_every_part_took_time_and_shares_add_up_to_all_of_it() -> None:
    found = shares(4_000, 20)
    for load, uploads in (("single", 4_000), ("packed", 800)):
        for stage, parts in (("worker", WORKER_PARTS), ("desk", DESK_PARTS)):
            own = {share.part: share for share in found if (share.load, share.stage) == (load, stage)}
            assert {part for part, _, _ in parts} <= own.keys()
            assert {share.uploads for share in own.values()} == {uploads}
            assert all(share.seconds > 0 for share in own.values())
    told = [float(line[-1].rstrip("%")) for line in lines(found) if line[:2] == ("single", "worker")]
    assert sum(told) == pytest.approx(100, abs=len(told))
