"""The ends of uploads wait for the uploads that go on there, however many wait at once."""

from __future__ import annotations

from streams.product import SHOE
from streams.state import State
from streams.step import step
from tests.unit.streams.building import NOON_MS, a_batch, a_shoe_upload, newest_sessions


def test_more_parts_of_runs_may_wait_for_what_comes_between_than_the_state_had_room_for_at_first() -> None:
    state, said = State(SHOE), []
    for part in (0, 2, 1):
        start_ms = NOON_MS + part * 2_000
        distance_m = [6.0 * part + 3, 6.0 * part + 6]
        uploads = [
            a_shoe_upload(
                device_id=f"s-{number}", seq=part, start_ms=start_ms, distance_m=distance_m, run_ended=part == 2
            )
            for number in range(400)
        ]
        said.append(step(SHOE, state, a_batch(SHOE, uploads, part * len(uploads))))
    runs = newest_sessions(said).values()
    assert {(run["moving_s"], run["gap_s"], run["reading_count"]) for run in runs} == {(6.0, 0.0, 6)}
